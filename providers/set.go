package providers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// ErrInactive means that a device's provider is switched off or could not be
// built. The device is to be kept.
var ErrInactive = errors.New("provider is not active")

// Options bound what Set does for one push.
type Options struct {
	Deadline time.Duration // for all attempts together; ejabberd waits 32 s for an answer
	Attempt  time.Duration // for one attempt
	Pause    time.Duration // before the first repeat; it doubles
}

// DefaultOptions are the values in use.
func DefaultOptions() Options {
	return Options{Deadline: 25 * time.Second, Attempt: 10 * time.Second, Pause: 250 * time.Millisecond}
}

// Set holds the active providers and is the one place with a policy: it finds
// a provider by its id, repeats what may be repeated, and judges whether a
// provider's doubtful answers can be trusted.
type Set struct {
	opts  Options
	order []Provider
	byID  map[string]*entry
	log   *slog.Logger
}

// entry is a provider with what was learnt of it.
type entry struct {
	provider Provider
	first    trust // of the credential for device tokens
	second   trust // of the credential for second tokens
}

// NewSet returns a set of the providers. Two that answer to the same id or
// alias are an error.
func NewSet(l *slog.Logger, opts Options, ps ...Provider) (*Set, error) {
	s := &Set{opts: opts, order: ps, byID: map[string]*entry{}, log: l}
	for _, p := range ps {
		e := &entry{provider: p}
		e.first.loaded, e.second.loaded = time.Now(), time.Now()
		info := p.Info()
		for _, id := range append([]string{info.ID}, info.Aliases...) {
			if other, ok := s.byID[id]; ok {
				return nil, fmt.Errorf("providers %s and %s both answer to %q: see 'aliases'", other.provider.Info().ID, info.ID, id)
			}
			s.byID[id] = e
		}
	}
	return s, nil
}

// Infos describes the providers in the configuration's order.
func (s *Set) Infos() []Info {
	out := make([]Info, len(s.order))
	for i, p := range s.order {
		out[i] = p.Info()
	}
	return out
}

// Lookup finds a provider by its id or an alias.
func (s *Set) Lookup(id string) (Provider, bool) {
	e, ok := s.byID[id]
	if !ok {
		return nil, false
	}
	return e.provider, true
}

// Push sends a notification to a device through the provider of that id and
// returns when the outcome is known, at the latest after Options.Deadline. The
// error wraps [ErrInactive] or an [*Error].
func (s *Set) Push(ctx context.Context, id string, to Target, n Notification) error {
	e, ok := s.byID[id]
	if !ok {
		return fmt.Errorf("provider %q: %w", id, ErrInactive)
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Deadline)
	defer cancel()
	err := s.attempts(ctx, e.provider, to, n)
	s.judge(e, to, err)
	return err
}

// attempts pushes until that succeeds or may not be repeated.
func (s *Set) attempts(ctx context.Context, p Provider, to Target, n Notification) error {
	var done [Unauthorized + 1]int
	for tries := 0; ; tries++ {
		err := s.attempt(ctx, p, to, n)
		if err == nil {
			return nil
		}
		kind := KindOf(err)
		pause, again := s.repeat(err, tries, done[kind], isCall(&n))
		done[kind]++
		if deadline, ok := ctx.Deadline(); !again || ok && time.Until(deadline) <= pause {
			return err
		}
		if !sleep(ctx, pause) {
			return err
		}
	}
}

func (s *Set) attempt(ctx context.Context, p Provider, to Target, n Notification) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Attempt)
	defer cancel()
	return p.Push(ctx, to, n)
}

// isCall reports whether a notification is about a call; such a one is never
// sent twice, as each rings.
func isCall(n *Notification) bool {
	return n.Call != nil || n.Encrypted != nil && n.Encrypted.VoIP
}

// judge notes what an answer says about the provider and marks a doubtful one.
func (s *Set) judge(e *entry, to Target, err error) {
	var pe *Error
	if err != nil && !errors.As(err, &pe) {
		return
	}
	if pe == nil {
		e.first.accept(to)
		return
	}
	t := &e.first
	if pe.Second {
		t = &e.second
	}
	switch pe.Kind {
	case Gone:
		t.vote(to, false)
	case Doubtful:
		var alarm bool
		pe.Trusted, alarm = t.doubt(to)
		if alarm {
			s.log.Error("the push service refuses device tokens and the provider is not trusted: no device is removed for this. "+
				"Look at the topic, at the certificate or project, and at the environment (sandbox) of this provider",
				"provider", e.provider.Info().ID, "reason", pe.Reason)
		}
	}
}
