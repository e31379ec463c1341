package providers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// script is a provider that answers what its list says, then accepts.
type script struct {
	id      string
	aliases []string
	answers []error
	pushed  []time.Time
}

func (s *script) Info() Info              { return Info{ID: s.id, Aliases: s.aliases} }
func (s *script) CheckToken(string) error { return nil }
func (s *script) Push(ctx context.Context, to Target, _ Notification) error {
	ctx, cancel := to.Bound(ctx)
	defer cancel()
	s.pushed = append(s.pushed, time.Now())
	if len(s.answers) == 0 {
		return nil
	}
	err := s.answers[0]
	s.answers = s.answers[1:]
	if errors.Is(err, context.DeadlineExceeded) {
		<-ctx.Done()
		return &Error{Kind: Unknown, Err: ctx.Err()}
	}
	return err
}

func set(t *testing.T, l *slog.Logger, ps ...Provider) *Set {
	t.Helper()
	s, err := NewSet(l, DefaultOptions(), ps...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

func repeated(err error, n int) (out []error) {
	for range n {
		out = append(out, err)
	}
	return out
}

func TestRepeats(t *testing.T) {
	for name, tc := range map[string]struct {
		answers  []error
		call     bool
		attempts int
		accepted bool
	}{
		"accepted":            {nil, false, 1, true},
		"passing":             {repeated(&Error{Kind: Temporary}, 3), false, 4, true},
		"no kind":             {[]error{errors.New("new")}, false, 2, true},
		"gone":                {repeated(&Error{Kind: Gone}, 9), false, 1, false},
		"doubtful":            {repeated(&Error{Kind: Doubtful}, 9), false, 1, false},
		"refused":             {repeated(&Error{Kind: Refused}, 9), false, 1, false},
		"throttled":           {repeated(&Error{Kind: Throttled}, 9), false, 1, false},
		"throttled, told":     {repeated(&Error{Kind: Throttled, RetryAfter: 5 * time.Second}, 2), false, 3, true},
		"throttled, too long": {repeated(&Error{Kind: Throttled, RetryAfter: time.Minute}, 2), false, 1, false},
		"temporary, too long": {repeated(&Error{Kind: Temporary, RetryAfter: time.Minute}, 2), false, 1, false},
		"unknown once":        {repeated(&Error{Kind: Unknown}, 1), false, 2, true},
		"unknown twice":       {repeated(&Error{Kind: Unknown}, 9), false, 2, false},
		"unknown call":        {repeated(&Error{Kind: Unknown}, 9), true, 1, false},
		"unauthorized once":   {repeated(&Error{Kind: Unauthorized}, 1), false, 2, true},
		"unauthorized":        {repeated(&Error{Kind: Unauthorized}, 9), false, 2, false},
		"hangs":               {repeated(context.DeadlineExceeded, 9), false, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &script{id: "p", answers: tc.answers}
				n := Notification{}
				if tc.call {
					n.Call = &Call{Action: "propose"}
				}
				began := time.Now()
				err := set(t, quietLog(), p).Push(t.Context(), "p", Target{}, n)
				if (err == nil) != tc.accepted || len(p.pushed) != tc.attempts {
					t.Errorf("%d attempts, error %v; want %d attempts, accepted %v", len(p.pushed), err, tc.attempts, tc.accepted)
				}
				if took := time.Since(began); took > 25*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

func TestTemporaryForEverEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &script{id: "p", answers: repeated(&Error{Kind: Temporary}, 1000)}
		began := time.Now()
		err := set(t, quietLog(), p).Push(t.Context(), "p", Target{}, Notification{})
		if took := time.Since(began); KindOf(err) != Temporary || took > 25*time.Second || took < 5*time.Second {
			t.Errorf("error %v after %v", err, took)
		}
		if len(p.pushed) > 12 {
			t.Errorf("%d attempts: the pause does not grow", len(p.pushed))
		}
	})
}

func TestLookup(t *testing.T) {
	p := &script{id: "a", aliases: []string{"b"}}
	s := set(t, quietLog(), p)
	for _, id := range []string{"a", "b"} {
		if err := s.Push(t.Context(), id, Target{}, Notification{}); err != nil {
			t.Errorf("push as %s: %v", id, err)
		}
	}
	if err := s.Push(t.Context(), "c", Target{}, Notification{}); !errors.Is(err, ErrInactive) {
		t.Errorf("push as c: %v", err)
	}
	if _, err := NewSet(quietLog(), DefaultOptions(), p, &script{id: "b"}); err == nil {
		t.Error("two providers with one id are accepted")
	}
}

func device(i int, old bool) Target {
	to := Target{Account: fmt.Sprintf("u%d@a", i), Token: fmt.Sprint(i), Registered: time.Now().Add(time.Hour)}
	if old {
		to.Registered = time.Time{}
	}
	return to
}

func doubtful(t *testing.T, s *Set, p *script, to Target) (trusted bool) {
	t.Helper()
	p.answers = []error{&Error{Kind: Doubtful, Reason: "BadDeviceToken"}}
	var pe *Error
	if err := s.Push(t.Context(), "p", to, Notification{}); !errors.As(err, &pe) {
		t.Fatalf("error %v", err)
	}
	return pe.Trusted
}

func TestTrust(t *testing.T) {
	var log strings.Builder
	p := &script{id: "p"}
	s := set(t, slog.New(slog.NewTextHandler(&log, nil)), p)
	if doubtful(t, s, p, device(0, true)) {
		t.Error("trusted before any push was accepted")
	}
	for i := range 20 {
		if err := s.Push(t.Context(), "p", device(i, true), Notification{}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 25 {
		if !doubtful(t, s, p, device(1000+i, false)) {
			t.Fatal("junk that was just registered has a vote")
		}
	}
	trusted := 0
	for i := range 60 {
		if doubtful(t, s, p, device(100+i, true)) {
			trusted++
		}
	}
	if trusted != 20 {
		t.Errorf("%d doubtful answers in a row were trusted, want 20 as many as were accepted", trusted)
	}
	if n := strings.Count(log.String(), "not trusted"); n != 2 {
		t.Errorf("%d alarms, want one before the first accepted push and one later:\n%s", n, log.String())
	}
	if doubtful(t, s, p, device(200, true)) {
		t.Error("still trusted")
	}
}
