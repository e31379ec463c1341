//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"sync"
	"time"
)

// calmSince notes that nothing was wrong from a time until now.
func (o *oracle) calmSince(from time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calm = append(o.calm, window{from, time.Now()})
}

// levelOff waits until the program takes no more than before, under the same
// load.
func (r *report) levelOff(ctx context.Context, l *load) error {
	l.crowd()
	err := until(ctx, 2*time.Minute, "the program's level", func() bool {
		var err error
		r.After, err = l.level(ctx)
		return err == nil && r.After.back(r.Before, len(l.instances))
	})
	if err != nil && !errors.Is(err, errTime) {
		return err
	}
	return nil
}

// audit publishes once more to every device there ever was: who lives gets a
// push, who is gone is said to be. The load has ended.
func (r *report) audit(ctx context.Context, l *load) error {
	log.Print("looking for every registration")
	from := time.Now()
	r.Registrations = map[string]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	slots := make(chan struct{}, 32)
	for _, d := range l.devices {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		all.Go(func() {
			defer func() { <-slots }()
			answer := l.publish(d, false)
			mu.Lock()
			defer mu.Unlock()
			r.Registrations[found(d, answer)]++
		})
	}
	all.Wait()
	l.calmSince(from)
	r.Users = map[string]int{"registered": l.users.registered, "refused": l.users.refused, "unregistered": l.users.unregistered, "lost the app": l.users.gone, "installed it again": l.users.again}
	r.Verdict = l.judge()
	return nil
}

// found says whether a registration is as it should be.
func found(d *device, answer string) string {
	switch {
	case d.state == live && answer == "result":
		return "live, found"
	case d.state == live:
		return "live, LOST"
	case d.state == uncertain:
		return "uncertain, as an answer was lost"
	case answer == notFound:
		return "gone, said to be"
	}
	return "gone, NOT said to be"
}

// failure is what is wrong, nil when nothing is.
func (r *report) failure(b *lab) error {
	var errs []error
	if r.Verdict.Wrong > 0 {
		errs = append(errs, fmt.Errorf("%d publishes with a wrong outcome", r.Verdict.Wrong))
	}
	if n := r.Registrations["live, LOST"] + r.Registrations["gone, NOT said to be"]; n > 0 {
		errs = append(errs, fmt.Errorf("%d registrations are not as they should be", n))
	}
	if !r.After.back(r.Before, len(b.instances)) {
		errs = append(errs, fmt.Errorf("the program took %v, and takes %v", r.Before, r.After))
	}
	for _, i := range b.instances {
		if err := i.server.Faults(); err != nil {
			errs = append(errs, fmt.Errorf("a real server would have refused: %w", err))
		}
		text, err := os.ReadFile(i.program.log)
		if err != nil {
			errs = append(errs, err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "panic") || strings.Contains(line, "DATA RACE") {
				errs = append(errs, fmt.Errorf("the log says: %s", line))
				break
			}
		}
	}
	return errors.Join(errs...)
}
