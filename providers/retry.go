package providers

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// repeat says whether a failed attempt is repeated, and after which pause.
// before counts the attempts that failed in the same way.
func (s *Set) repeat(err error, tries, before int, call bool) (pause time.Duration, again bool) {
	var after time.Duration
	kind := Temporary
	var pe *Error
	if errors.As(err, &pe) {
		kind, after = pe.Kind, pe.RetryAfter
	}
	switch kind {
	case Temporary:
		return after + s.backoff(tries), true
	case Throttled:
		return after + s.backoff(0), after > 0
	case Unknown:
		// The repeat carries the same id, so that the device shows it once.
		return s.backoff(0), before == 0 && !call
	case Unauthorized:
		// The provider has refreshed what it can.
		return s.backoff(0), before == 0
	}
	return 0, false
}

// backoff grows with the attempts and is spread, so that pushes that failed
// together are not repeated together.
func (s *Set) backoff(tries int) time.Duration {
	d := s.opts.Pause << min(tries, 6)
	return d/2 + rand.N(d+1)
}

// sleep waits; false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
