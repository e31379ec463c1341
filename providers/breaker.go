package providers

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// When a breaker opens, and how long it waits between probes.
const (
	failuresToOpen = 20
	failingToOpen  = 10 * time.Second
	firstPause     = time.Second
	longestPause   = time.Minute
)

// breaker spares a push service that answers nobody, and the publishes that
// would wait for it: it stands for one credential in one environment, so that an
// expired certificate for calls stops no messages. While it is open, one push
// at a time goes through as a probe.
type breaker struct {
	mu     sync.Mutex
	good   time.Time     // of the last answer that shows that pushing works
	failed int           // pushes since then that got none
	since  time.Time     // of the first of them
	pause  time.Duration // before the next probe; 0: the breaker is closed
	next   time.Time     // when that may go
	cause  error         // of opening
}

// visit is one push's way past a breaker.
type visit struct {
	began time.Time
	probe bool
}

// change is what a push's outcome did to a breaker.
type change uint8

const (
	same change = iota
	opened
	closed
)

// enter lets a push through, or returns the [*Error] to answer it with. A probe
// keeps others out for at most as long as a push takes, even if it never leaves.
func (b *breaker) enter(now time.Time, longest time.Duration) (visit, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v := visit{began: now, probe: b.pause > 0}
	if !v.probe {
		return v, nil
	}
	if now.Before(b.next) {
		return v, &Error{Kind: Temporary, Reason: "breaker open", RetryAfter: b.next.Sub(now),
			Err: fmt.Errorf("not sent, as others were not accepted: %w", b.cause)}
	}
	b.next = now.Add(longest)
	return v, nil
}

// leave notes the outcome of a push that was let through.
func (b *breaker) leave(now time.Time, v visit, what verdict, err error) change {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch what {
	case works:
		return b.close(now)
	case silent:
		if v.probe {
			b.next = now
		}
	case denied:
		// One that was accepted meanwhile shows that the credential is good and
		// this device alone is not, as with FCM's THIRD_PARTY_AUTH_ERROR.
		if !b.good.After(v.began) {
			return b.trip(now, v, err)
		}
	case fails:
		if b.failed++; b.failed == 1 {
			b.since = now
		}
		if v.probe || b.failed >= failuresToOpen && now.Sub(b.since) >= failingToOpen {
			return b.trip(now, v, err)
		}
	}
	return same
}

// reset closes it, as for a new credential. A failure that began before says
// nothing about that one.
func (b *breaker) reset(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.close(now)
}

// close notes that pushing works.
func (b *breaker) close(now time.Time) change {
	was := b.pause
	b.good, b.failed, b.pause, b.cause = now, 0, 0, nil
	if was > 0 {
		return closed
	}
	return same
}

// trip opens the breaker; a probe that failed makes the pause longer. What began
// before the opening and fails now is no news.
func (b *breaker) trip(now time.Time, v visit, err error) change {
	switch {
	case b.pause == 0:
		b.pause, b.next, b.cause = firstPause, now.Add(firstPause), err
		return opened
	case v.probe:
		b.pause = min(2*b.pause, longestPause)
		b.next, b.cause = now.Add(b.pause), err
	}
	return same
}

// open reports whether pushes are held back.
func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pause > 0
}

// verdict is what an outcome says about the push service and our credential.
type verdict uint8

const (
	silent verdict = iota // nothing: the answer is about the device
	works
	denied
	fails
)

func verdictOn(err error) verdict {
	if err == nil {
		return works
	}
	var pe *Error
	if !errors.As(err, &pe) {
		return fails
	}
	switch pe.Kind {
	case Gone, Refused:
		return works
	case Unauthorized:
		return denied
	case Throttled, Doubtful:
		return silent
	}
	return fails
}
