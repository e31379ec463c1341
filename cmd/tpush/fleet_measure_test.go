package main

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	measuredPublishes = 10_000
	// measuredLatency is how long APNs takes where it is measured what the
	// instances carry: with [fleetStreams] 200 pushes a second each.
	measuredLatency = 100 * time.Millisecond
)

// measurements is the number of rounds that TPUSH_FLEET asks for.
func measurements(t *testing.T) int {
	t.Helper()
	text := os.Getenv("TPUSH_FLEET")
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("TPUSH_FLEET=%q: want a number of rounds", text)
	}
	return n
}

// measure measures one, two and four instances in turn, so many rounds, and
// describes what it saw in rows: what all can carry, the same at a quarter of the
// rate for one of them, and more than they can carry.
func (f *fleet) measure(rounds int) (rows []string) {
	f.t.Helper()
	for range rounds {
		for _, size := range []int{1, 2, 4} {
			f.grow(size)
			f.settle()
			rows = append(rows, f.addUp(measuredPublishes).String())
			if size == 1 {
				rows = append(rows, f.offer(fleetRate/4, measuredPublishes/4).String()+" a quarter of the rate")
			}
			rows = append(rows, f.overloaded().String()+" more than they carry")
		}
		for _, s := range f.ships[1:] {
			s.stop()
		}
		f.ships = f.ships[:1]
	}
	return rows
}

// settle waits until every ship has its second connection, which comes when the
// first has lived for a while. Until then older ships get more than younger ones.
func (f *fleet) settle() {
	f.t.Helper()
	for _, s := range f.ships {
		within(f.t, time.Minute, "a program has two connections", func() bool { return strings.Count(s.log.String(), "msg=connected bean=ext") == 2 })
	}
}

// overloaded offers more than the ships can carry when APNs takes its time.
func (f *fleet) overloaded() round {
	f.t.Helper()
	f.apns.Delay(measuredLatency)
	defer f.apns.Delay(0)
	r := f.offer(fleetRate, 5*fleetRate)
	f.arrivedOnce()
	return r
}
