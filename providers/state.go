package providers

import (
	"errors"
	"maps"
	"sync"
	"time"
)

// State is what a Set has seen of a provider since it was made, for status
// pages and metrics.
type State struct {
	Provider    string            // the provider's id
	Accepted    uint64            // pushes
	Failures    map[string]uint64 // pushes that were not accepted, by the push service's word or the kind
	LastError   string            // in words; empty: none yet
	LastErrorAt time.Time
	First       Credential // for device tokens
	Second      Credential // for second tokens; without calls it shows nothing
	Expiries    []Expiry   // of the credentials that end
}

// Credential is how it stands with one credential of a provider.
type Credential struct {
	Trusted bool // doubtful answers count as proof that a token is dead, in one environment at least
	Paused  bool // the breaker is open, in the push service's test environment or outside
}

// States describes how it stands with the providers, in the configuration's
// order.
func (s *Set) States() []State {
	out := make([]State, len(s.order))
	for i, e := range s.order {
		out[i] = e.tally.state()
		out[i].Provider, out[i].First, out[i].Second = e.id, e.state(false), e.state(true)
		if x, ok := e.provider.(Expirer); ok {
			out[i].Expiries = x.Expiries()
		}
	}
	return out
}

// state joins both environments.
func (e *entry) state(second bool) (c Credential) {
	for _, sandbox := range []bool{false, true} {
		one := e.credential(second, sandbox)
		c.Trusted = c.Trusted || one.trust.now()
		c.Paused = c.Paused || one.breaker.open()
	}
	return c
}

// Reasons are a push service's words: however many it makes up, the tally keeps
// only so many apart.
const (
	maxReasons  = 50
	otherReason = "other"
)

// tally counts a provider's pushes.
type tally struct {
	mu       sync.Mutex
	accepted uint64
	failures map[string]uint64
	last     error
	lastAt   time.Time
}

func (t *tally) count(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.accepted++
		return
	}
	reason := KindOf(err).String()
	var pe *Error
	if errors.As(err, &pe) && pe.Reason != "" {
		reason = pe.Reason
	}
	if _, known := t.failures[reason]; !known && len(t.failures) >= maxReasons {
		reason = otherReason
	}
	if t.failures == nil {
		t.failures = map[string]uint64{}
	}
	t.failures[reason]++
	t.last, t.lastAt = err, time.Now()
}

func (t *tally) state() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := State{Accepted: t.accepted, Failures: maps.Clone(t.failures), LastErrorAt: t.lastAt}
	if t.last != nil {
		s.LastError = t.last.Error()
	}
	return s
}
