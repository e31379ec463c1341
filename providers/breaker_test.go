package providers

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// answering is a provider that asks a function what to answer.
type answering struct {
	push func(to Target, n Notification) error
	mu   sync.Mutex
	n    int
}

func (a *answering) Info() Info              { return Info{ID: "p"} }
func (a *answering) CheckToken(string) error { return nil }
func (a *answering) Push(_ context.Context, to Target, n Notification) error {
	a.mu.Lock()
	a.n++
	a.mu.Unlock()
	return a.push(to, n)
}

// ask pushes once and reports whether that reached the provider.
func ask(t *testing.T, s *Set, a *answering, to Target, n Notification) (reached bool, err error) {
	t.Helper()
	before := a.n
	err = s.Push(t.Context(), "p", to, n)
	return a.n > before, err
}

func call() Notification { return Notification{Encrypted: &Encrypted{VoIP: true}} }

func TestBreakerOpensOnRefusedCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		answer := error(&Error{Kind: Unauthorized, Reason: "BadCertificate"})
		a := &answering{push: func(Target, Notification) error { return answer }}
		s := set(t, slog.New(slog.NewTextHandler(&log, nil)), a)
		if _, err := ask(t, s, a, Target{}, Notification{}); KindOf(err) != Unauthorized || a.n != 2 {
			t.Fatalf("first push: %d attempts, error %v; want 2, one after a refresh", a.n, err)
		}
		// The pause grows from a second to a minute, and one probe ends each.
		for _, pause := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			time.Sleep(pause*time.Second - time.Millisecond)
			began := time.Now()
			reached, err := ask(t, s, a, Target{}, Notification{})
			if reached || KindOf(err) != Temporary || !strings.Contains(err.Error(), "BadCertificate") || time.Since(began) != 0 {
				t.Fatalf("before the end of %ds: reached %v, error %v after %v", pause, reached, err, time.Since(began))
			}
			time.Sleep(time.Millisecond)
			before := a.n
			if _, err := ask(t, s, a, Target{}, Notification{}); KindOf(err) != Unauthorized || a.n != before+1 {
				t.Fatalf("probe after %ds: %d attempts, error %v", pause, a.n-before, err)
			}
		}
		if !s.States()[0].First.Paused {
			t.Error("the state does not say that it is paused")
		}
		time.Sleep(time.Minute)
		answer = nil
		for range 3 {
			if reached, err := ask(t, s, a, Target{}, Notification{}); !reached || err != nil {
				t.Fatalf("with a new certificate: reached %v, error %v", reached, err)
			}
		}
		if strings.Count(log.String(), "level=ERROR") != 1 || strings.Count(log.String(), "answers again") != 1 {
			t.Errorf("want one line for the opening and one for the end:\n%s", log.String())
		}
	})
}

func TestBreakerOpensWithoutAnswers(t *testing.T) {
	down := &Error{Kind: Unknown}
	for name, tc := range map[string]struct {
		pushes int
		every  time.Duration
		among  error // the answer to the push in the middle
		ctx    func(context.Context) context.Context
		open   bool
	}{
		"enough":        {21, time.Second, down, nil, true},
		"too few":       {19, time.Second, down, nil, false},
		"too fast":      {100, time.Millisecond, down, nil, false},
		"one accepted":  {30, time.Second, nil, nil, false},
		"one gone":      {30, time.Second, &Error{Kind: Gone}, nil, false},
		"one refused":   {30, time.Second, &Error{Kind: Refused}, nil, false},
		"one doubtful":  {30, time.Second, &Error{Kind: Doubtful}, nil, true},
		"one throttled": {30, time.Second, &Error{Kind: Throttled}, nil, true},
		"cancelled":     {30, time.Second, down, cancelled, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := 0
				a := &answering{push: func(Target, Notification) error {
					if i == tc.pushes/2 {
						return tc.among
					}
					return down
				}}
				s := set(t, quietLog(), a)
				ctx := t.Context()
				if tc.ctx != nil {
					ctx = tc.ctx(ctx)
				}
				for ; i < tc.pushes; i++ {
					// A call is not repeated, which keeps the time exact.
					_ = s.Push(ctx, "p", Target{}, call())
					time.Sleep(tc.every)
				}
				if open := s.States()[0].First.Paused; open != tc.open {
					t.Errorf("open %v, want %v", open, tc.open)
				}
			})
		})
	}
}

func cancelled(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

// An expired certificate for calls stops no messages, and calls are shown at
// least; nor does the test environment stop the other.
func TestBreakersAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answering{push: func(to Target, n Notification) error {
			if n.Rings() && to.SecondToken != "" {
				return &Error{Kind: Unauthorized, Second: true}
			}
			if to.Sandbox {
				return &Error{Kind: Unauthorized}
			}
			return nil
		}}
		s := set(t, quietLog(), a)
		phone := Target{Token: "1", SecondToken: "2"}
		if _, err := ask(t, s, a, phone, call()); KindOf(err) != Unauthorized {
			t.Fatalf("call: %v", err)
		}
		if st := s.States()[0]; !st.Second.Paused || st.First.Paused {
			t.Fatalf("state %+v", st)
		}
		if _, err := ask(t, s, a, Target{Token: "3", Sandbox: true}, Notification{}); KindOf(err) != Unauthorized {
			t.Fatalf("test environment: %v", err)
		}
		if _, err := ask(t, s, a, phone, Notification{}); err != nil {
			t.Errorf("a message: %v", err)
		}
		if reached, err := ask(t, s, a, phone, call()); !reached || err != nil {
			t.Errorf("a call does not go to the first token: reached %v, error %v", reached, err)
		}
	})
}

// A device that alone is refused, as with FCM's THIRD_PARTY_AUTH_ERROR, does not
// stop the others.
func TestBreakerHeedsAcceptedPushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answering{push: func(to Target, _ Notification) error {
			if to.Token == "odd" {
				return &Error{Kind: Unauthorized}
			}
			return nil
		}}
		s := set(t, quietLog(), a)
		var pushes sync.WaitGroup
		pushes.Go(func() { _ = s.Push(t.Context(), "p", Target{Token: "odd"}, Notification{}) })
		time.Sleep(time.Millisecond)
		if err := s.Push(t.Context(), "p", Target{}, Notification{}); err != nil {
			t.Fatal(err)
		}
		pushes.Wait()
		if s.States()[0].First.Paused {
			t.Error("the breaker opened although a push was accepted meanwhile")
		}
	})
}

func TestOneProbeAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		a := &answering{push: func(Target, Notification) error { return &Error{Kind: Unauthorized} }}
		s := set(t, quietLog(), a)
		_, _ = ask(t, s, a, Target{}, Notification{})
		time.Sleep(time.Second)
		a.push = func(Target, Notification) error { <-hang; return nil }
		var probe sync.WaitGroup
		probe.Go(func() { _ = s.Push(t.Context(), "p", Target{}, Notification{}) })
		synctest.Wait()
		if reached, err := ask(t, s, a, Target{}, Notification{}); reached || KindOf(err) != Temporary {
			t.Errorf("a second probe: reached %v, error %v", reached, err)
		}
		close(hang)
		probe.Wait()
		if reached, err := ask(t, s, a, Target{}, Notification{}); !reached || err != nil {
			t.Errorf("after an accepted probe: reached %v, error %v", reached, err)
		}
	})
}

// A panic is recovered far above; the probe that it ended must not be the last.
func TestProbeThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answering{push: func(Target, Notification) error { return &Error{Kind: Unauthorized} }}
		s := set(t, quietLog(), a)
		_, _ = ask(t, s, a, Target{}, Notification{})
		time.Sleep(time.Second)
		a.push = func(Target, Notification) error { panic("provider") }
		func() {
			defer func() { _ = recover() }()
			_ = s.Push(t.Context(), "p", Target{}, Notification{})
		}()
		a.push = func(Target, Notification) error { return nil }
		time.Sleep(DefaultOptions().Deadline)
		if err := s.Push(t.Context(), "p", Target{}, Notification{}); err != nil {
			t.Errorf("pushes stay paused: %v", err)
		}
	})
}

// A probe whose publisher went away, or whose device is in doubt, says nothing:
// the next push is a probe at once.
func TestProbeWithoutVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answering{push: func(Target, Notification) error { return &Error{Kind: Unauthorized} }}
		s := set(t, quietLog(), a)
		_, _ = ask(t, s, a, Target{}, Notification{})
		time.Sleep(time.Second)
		a.push = func(Target, Notification) error { return &Error{Kind: Doubtful} }
		if _, err := ask(t, s, a, Target{}, Notification{}); KindOf(err) != Doubtful {
			t.Fatal(err)
		}
		a.push = func(Target, Notification) error { return errors.New("cancelled") }
		_ = s.Push(cancelled(t.Context()), "p", Target{}, Notification{})
		a.push = func(Target, Notification) error { return nil }
		if err := s.Push(t.Context(), "p", Target{}, Notification{}); err != nil {
			t.Errorf("next push: %v", err)
		}
	})
}
