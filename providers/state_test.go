package providers

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestStates(t *testing.T) {
	p, q := &script{id: "p"}, &script{id: "q"}
	s := set(t, quietLog(), p, q)
	for _, err := range []error{nil, &Error{Kind: Gone, Reason: "Unregistered"}, &Error{Kind: Gone, Reason: "Unregistered"},
		&Error{Kind: Refused, Status: 400}, nil} {
		p.answers = nil
		if err != nil {
			p.answers = []error{err}
		}
		_ = s.Push(t.Context(), "p", device(1, true), Notification{})
	}
	got := s.States()
	if len(got) != 2 || got[0].Provider != "p" || got[1].Provider != "q" {
		t.Fatalf("states %+v", got)
	}
	st := got[0]
	if st.Accepted != 2 || st.Failures["Unregistered"] != 2 || st.Failures["refused"] != 1 || len(st.Failures) != 2 {
		t.Errorf("counts %+v", st)
	}
	if !strings.Contains(st.LastError, "400") || st.LastErrorAt.IsZero() {
		t.Errorf("last error %q at %v", st.LastError, st.LastErrorAt)
	}
	if !st.First.Trusted || st.Second.Trusted || got[1].First.Trusted {
		t.Errorf("trusted: %+v, without a push %+v", st, got[1])
	}
	st.Failures["Unregistered"] = 99
	if s.States()[0].Failures["Unregistered"] != 2 {
		t.Error("a snapshot can be written through")
	}
}

func TestMadeUpReasonsAreBounded(t *testing.T) {
	p := &script{id: "p"}
	s := set(t, quietLog(), p)
	for i := range 200 {
		p.answers = []error{&Error{Kind: Refused, Reason: fmt.Sprint("Reason", i)}}
		_ = s.Push(t.Context(), "p", Target{}, Notification{})
	}
	f := s.States()[0].Failures
	if len(f) > maxReasons+1 || f[otherReason] != 150 {
		t.Errorf("%d reasons kept apart, %d others", len(f), f[otherReason])
	}
}

// The credential for calls earns its trust by calls alone.
func TestTrustOfCalls(t *testing.T) {
	var answer error
	a := &answering{push: func(Target, Notification) error { return answer }}
	s := set(t, quietLog(), a)
	phone := device(1, true)
	phone.SecondToken = "second"
	if err := s.Push(t.Context(), "p", phone, call()); err != nil {
		t.Fatal(err)
	}
	trusted := func(e *Error, n Notification) bool {
		answer = e
		var pe *Error
		if err := s.Push(t.Context(), "p", phone, n); !errors.As(err, &pe) {
			t.Fatalf("error %v", err)
		}
		return pe.Trusted
	}
	if trusted(&Error{Kind: Doubtful}, Notification{}) {
		t.Error("an accepted call made the credential for messages trusted")
	}
	if !trusted(&Error{Kind: Doubtful, Second: true}, call()) {
		t.Error("an accepted call does not make the credential for calls trusted")
	}
	shared := &Error{Kind: Doubtful, Second: true}
	if _ = trusted(shared, call()); shared.Trusted {
		t.Error("the provider's own error was written to")
	}
}

func TestRings(t *testing.T) {
	voip := &Encrypted{VoIP: true}
	for name, tc := range map[string]struct {
		n    Notification
		want bool
	}{
		"offer":           {Notification{Encrypted: voip}, true},
		"propose":         {Notification{Encrypted: voip, Call: &Call{Action: "propose"}, Priority: High}, true},
		"meet":            {Notification{Encrypted: voip, Call: &Call{Meet: true}}, true},
		"retract":         {Notification{Encrypted: voip, Call: &Call{Action: "retract"}}, false},
		"low":             {Notification{Encrypted: voip, Priority: Low}, false},
		"message":         {Notification{Encrypted: &Encrypted{}}, false},
		"in clear":        {Notification{Call: &Call{Action: "propose"}}, false},
		"account removed": {Notification{Encrypted: voip, Event: "account-removed"}, false},
	} {
		if got := tc.n.Rings(); got != tc.want {
			t.Errorf("%s: rings %v", name, got)
		}
	}
}

// Run with -race.
func TestSetIsForMany(t *testing.T) {
	kinds := []error{nil, nil, nil, &Error{Kind: Gone}, &Error{Kind: Doubtful}, &Error{Kind: Refused, Reason: "r"}}
	a := &answering{push: func(to Target, _ Notification) error { return kinds[len(to.Account)%len(kinds)] }}
	s := set(t, quietLog(), a)
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			for j := range 50 {
				_ = s.Push(t.Context(), "p", Target{Account: strings.Repeat("a", i+j), Token: fmt.Sprint(i, j)}, Notification{})
				_ = s.States()
			}
		})
	}
	all.Wait()
	var sum uint64
	st := s.States()[0]
	for _, n := range st.Failures {
		sum += n
	}
	if st.Accepted+sum != 32*50 {
		t.Errorf("%d accepted and %d failed, want 1600 in all", st.Accepted, sum)
	}
}
