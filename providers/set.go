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
	// InWork bounds the pushes of one provider at a time when there are
	// several; 0: no bound.
	InWork int
}

// DefaultOptions are the values in use.
func DefaultOptions() Options {
	return Options{Deadline: 25 * time.Second, Attempt: 10 * time.Second, Pause: 250 * time.Millisecond, InWork: 768}
}

// Set holds the active providers and is the one place with a policy: it finds
// a provider by its id, repeats what may be repeated, pauses for a push service
// that answers nobody, and judges whether a provider's doubtful answers can be
// trusted. Its methods may be called at the same time.
type Set struct {
	opts  Options
	order []*entry
	byID  map[string]*entry
	log   *slog.Logger
}

// entry is a provider with what was learnt of it.
type entry struct {
	provider Provider
	id       string
	creds    [2][2]credential // for calls or not, in the test environment or not
	tally    tally
	room     room
}

// credential is what one of a provider's credentials has shown in one of the
// push service's environments: that of a device token's topic is one, that of
// second tokens' another.
type credential struct {
	second  bool
	trust   trust
	breaker breaker
}

// credential is the one for device tokens, or for second tokens, in an
// environment.
func (e *entry) credential(second, sandbox bool) *credential {
	return &e.creds[index(second)][index(sandbox)]
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// forget begins anew with credentials that were loaded just now.
func (e *entry) forget(now time.Time) {
	for i := range e.creds {
		for j := range e.creds[i] {
			c := &e.creds[i][j]
			c.trust.reset(now)
			c.breaker.reset(now)
		}
	}
}

// NewSet returns a set of the providers. Two that answer to the same id or
// alias are an error.
func NewSet(l *slog.Logger, opts Options, ps ...Provider) (*Set, error) {
	s := &Set{opts: opts, byID: map[string]*entry{}, log: l}
	now := time.Now()
	for _, p := range ps {
		info := p.Info()
		e := &entry{provider: p, id: info.ID}
		e.forget(now)
		e.creds[1][0].second, e.creds[1][1].second = true, true
		if len(ps) > 1 && opts.InWork > 0 {
			e.room.slots = make(chan struct{}, opts.InWork)
		}
		s.order = append(s.order, e)
		for _, id := range append([]string{info.ID}, info.Aliases...) {
			if other, ok := s.byID[id]; ok && other != e {
				return nil, fmt.Errorf("providers %s and %s both answer to %q: see 'aliases'", other.id, e.id, id)
			}
			s.byID[id] = e
		}
	}
	return s, nil
}

// Infos describes the providers in the configuration's order.
func (s *Set) Infos() []Info {
	out := make([]Info, len(s.order))
	for i, e := range s.order {
		out[i] = e.provider.Info()
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
// error wraps [ErrInactive] or an [*Error]; that of a provider with too much in
// work wraps [ErrBusy].
func (s *Set) Push(ctx context.Context, id string, to Target, n Notification) error {
	e, ok := s.byID[id]
	if !ok {
		return fmt.Errorf("provider %q: %w", id, ErrInactive)
	}
	err := s.push(ctx, e, &to, &n)
	e.tally.count(err)
	return err
}

func (s *Set) push(ctx context.Context, e *entry, to *Target, n *Notification) error {
	c, v, err := s.admit(e, to, n)
	if err != nil {
		return err
	}
	if err := e.room.enter(ctx); err != nil {
		c.breaker.leave(time.Now(), v, silent, err)
		return err
	}
	err = s.attempts(ctx, e.provider, &c.breaker, to, n)
	e.room.leave(verdictOn(err) != fails)
	return s.learn(e, c, v, to, err, errors.Is(ctx.Err(), context.Canceled))
}

// admit finds the credential that a push needs and asks its breaker. While the
// one for calls is paused, a call goes to the first token, which shows an alert:
// better than a phone that stays silent.
func (s *Set) admit(e *entry, to *Target, n *Notification) (*credential, visit, error) {
	now := time.Now()
	if to.SecondToken != "" && n.Rings() {
		c := e.credential(true, to.Sandbox)
		if v, err := c.breaker.enter(now, s.opts.Deadline); err == nil {
			return c, v, nil
		}
		to.SecondToken = ""
	}
	c := e.credential(false, to.Sandbox)
	v, err := c.breaker.enter(now, s.opts.Deadline)
	return c, v, err
}

// attempts pushes until that succeeds or may not be repeated. Once the breaker
// is open, which it is for a probe too, there are no repeats.
func (s *Set) attempts(ctx context.Context, p Provider, b *breaker, to *Target, n *Notification) error {
	now := time.Now()
	until := now.Add(s.opts.Deadline)
	if end, ok := ctx.Deadline(); ok && end.Before(until) {
		until = end
	}
	var done [Unauthorized + 1]int
	for tries := 0; ; tries++ {
		to.Until = earlier(now.Add(s.opts.Attempt), until)
		err := p.Push(ctx, *to, *n)
		if err == nil || b.open() {
			return err
		}
		kind := KindOf(err)
		pause, again := s.repeat(err, tries, done[kind], n.IsCall())
		done[kind]++
		if !again || time.Until(until) <= pause {
			return err
		}
		if !sleep(ctx, pause) {
			return err
		}
		now = time.Now()
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// learn notes what an outcome says about the provider's credential, and marks a
// doubtful answer that can be trusted. Which token was used is known only from
// a failure; c is the credential that was expected.
func (s *Set) learn(e *entry, c *credential, v visit, to *Target, err error, cancelled bool) error {
	if err == nil {
		s.report(e, c, c.breaker.leave(time.Now(), v, works, nil), nil)
		c.trust.accept(to)
		return nil
	}
	var pe *Error
	if errors.As(err, &pe) {
		if used := e.credential(pe.Second, to.Sandbox); used != c {
			c, v.probe = used, false
		}
	}
	what := verdictOn(err)
	if cancelled && what == fails {
		what = silent
	}
	s.report(e, c, c.breaker.leave(time.Now(), v, what, err), err)
	switch {
	case pe == nil:
	case pe.Kind == Gone:
		c.trust.vote(to)
	case pe.Kind == Doubtful:
		marked := *pe
		var alarm bool
		if marked.Trusted, alarm = c.trust.doubt(to); alarm {
			s.alarm(e, c, pe)
		}
		return &marked
	}
	return err
}

// alarm tells once that a provider's doubtful answers are no longer believed.
func (s *Set) alarm(e *entry, c *credential, pe *Error) {
	look := "'apns-topic', 'cert-file' and 'sandbox', or 'service-account-file' and 'project-id'"
	if c.second {
		look = "'pushkit-cert-file' and 'sandbox'"
	}
	s.log.Error("the push service refuses device tokens and the provider is not trusted: no device is removed for this; look at "+look,
		"provider", e.id, "reason", pe.Reason)
}

// report tells when a breaker has opened or closed.
func (s *Set) report(e *entry, c *credential, change change, err error) {
	if change == same {
		return
	}
	l := s.log.With("provider", e.id)
	if c.second {
		l = l.With("for", "calls")
	}
	switch {
	case change == closed:
		l.Info("the push service answers again: pushing")
	case change == opened && KindOf(err) == Unauthorized:
		l.Error("the push service refuses the provider's credentials: until it takes them, pushes are answered as temporary failures", "err", err)
	case change == opened:
		l.Warn("the push service does not answer: until it does, pushes are answered as temporary failures", "err", err)
	}
}
