//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tpush/tpush/providers/apns/apnstest"
)

const (
	// soakWindow is how many publishes wait at a time while it is measured how
	// many the program can do.
	soakWindow = 256
	soakProbe  = 10 * time.Second
	soakPeriod = 20 * time.Second
	soakRest   = 2 * time.Second
	soakShare  = 0.7
)

// soakReport is what is printed at the end of a soak.
type soakReport struct {
	Database string         `json:"database"`
	Capacity float64        `json:"capacity_per_second"`
	Rate     float64        `json:"rate_per_second"`
	Minutes  float64        `json:"minutes"`
	Answers  map[string]int `json:"answers"`
	First    level          `json:"first"`
	Last     level          `json:"last"`
	// Slopes by least squares over the samples after the first quarter, for an hour.
	Slope level `json:"slope_per_hour"`
	// Rise is the slopes' over the measured time.
	Rise level `json:"rise"`
}

// soak publishes at seven tenths of what the program can do here, with nothing
// wrong, and looks whether it takes more and more.
func (o *options) soak(ctx context.Context, b *lab) error {
	l := &load{lab: b, oracle: newOracle(), rng: rand.New(rand.NewPCG(o.seed, 2))}
	b.apns.SetLoad(apnstest.Load{CountOnly: true})
	b.fcm.Forget()
	for range 1000 {
		l.newDevice()
	}
	s := &soaker{load: l, answers: map[string]int{}}
	r := &soakReport{Database: o.database, Minutes: o.minutes, Answers: s.answers}
	r.Capacity = s.capacity(ctx)
	r.Rate = soakShare * r.Capacity
	log.Printf("%.0f publishes a second are possible; publishing %.0f", r.Capacity, r.Rate)
	levels, err := s.steady(ctx, r.Rate, time.Duration(o.minutes*float64(time.Minute)))
	if err != nil {
		return err
	}
	if len(levels) < 4 {
		return errors.New("too short to tell: let it run for two minutes")
	}
	r.fill(levels)
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return err
	}
	return r.failure()
}

func (r *soakReport) failure() error {
	switch {
	case len(r.Answers) != 3 || r.Answers[byCert+": result"] == 0 || r.Answers[byKey+": result"] == 0 || r.Answers[google+": result"] == 0:
		return errors.New("not all publishes were answered with a result")
	case tooMuch(r.Rise) && tooMuch(level{r.Last.Memory - r.First.Memory, r.Last.Goroutines - r.First.Goroutines, r.Last.Files - r.First.Files}):
		return fmt.Errorf("the program takes more and more: %v in %v minutes", r.Rise, r.Minutes)
	}
	return nil
}

// tooMuch is more than garbage collection and idle connections make between two
// samples.
func tooMuch(rise level) bool { return rise.Memory > 8 || rise.Goroutines > 30 || rise.Files > 8 }

// soaker publishes without remembering.
type soaker struct {
	*load
	n       atomic.Int64
	mu      sync.Mutex
	answers map[string]int // empty: none
}

func (s *soaker) one() {
	n := s.n.Add(1)
	d := s.devices[int(n)%len(s.devices)]
	e, _ := s.request(fmt.Sprintf("s%d", n), "example.com", publishOf(d.node, fmt.Sprintf("m%07dzzzz", n), false))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[d.provider+": "+outcome(e)]++
}

// capacity is how many publishes a second are answered when the next comes as
// soon as one is done.
func (s *soaker) capacity(ctx context.Context) float64 {
	began := time.Now()
	var all sync.WaitGroup
	for range soakWindow {
		all.Go(func() {
			for time.Since(began) < soakProbe && ctx.Err() == nil {
				s.one()
			}
		})
	}
	all.Wait()
	return float64(s.n.Load()) / time.Since(began).Seconds()
}

// steady publishes at a rate for a time. After each period all answers are
// waited for and a sample is taken of what the program holds on to then: what it
// takes under load goes up and down with the machine's.
func (s *soaker) steady(ctx context.Context, rate float64, whole time.Duration) (levels []level, err error) {
	for began := time.Now(); time.Since(began) < whole; {
		s.period(ctx, rate)
		wait(ctx, soakRest)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		at, err := s.level(ctx)
		if err != nil {
			return nil, err
		}
		log.Print(at)
		levels = append(levels, at)
	}
	return levels, nil
}

func (s *soaker) period(ctx context.Context, rate float64) {
	began := time.Now()
	var all sync.WaitGroup
	for n := 0; time.Since(began) < soakPeriod && ctx.Err() == nil; n++ {
		wait(ctx, time.Until(began.Add(time.Duration(float64(n)/rate*float64(time.Second)))))
		all.Go(s.one)
	}
	all.Wait()
}

// fill computes the slopes.
func (r *soakReport) fill(levels []level) {
	levels = levels[len(levels)/4:]
	r.First, r.Last = levels[0], levels[len(levels)-1]
	hours := float64(len(levels)) * (soakPeriod + soakRest).Hours()
	slope := func(of func(level) float64) float64 {
		var x, y, xx, xy float64
		n := float64(len(levels))
		for i, l := range levels {
			at := float64(i) * (soakPeriod + soakRest).Hours()
			x, y, xx, xy = x+at, y+of(l), xx+at*at, xy+at*of(l)
		}
		return (n*xy - x*y) / (n*xx - x*x)
	}
	r.Slope = level{slope(func(l level) float64 { return l.Memory }), slope(func(l level) float64 { return l.Goroutines }), slope(func(l level) float64 { return l.Files })}
	r.Rise = level{r.Slope.Memory * hours, r.Slope.Goroutines * hours, r.Slope.Files * hours}
}
