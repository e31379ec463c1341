package providers

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// slow is a provider that takes its time for each answer.
type slow struct {
	id    string
	takes time.Duration
	most  atomic.Int32 // pushes at a time
	now   atomic.Int32
}

func (s *slow) Info() Info              { return Info{ID: s.id} }
func (s *slow) CheckToken(string) error { return nil }
func (s *slow) Push(ctx context.Context, to Target, _ Notification) error {
	ctx, cancel := to.Bound(ctx)
	defer cancel()
	n := s.now.Add(1)
	defer s.now.Add(-1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
	if !sleep(ctx, s.takes) {
		return &Error{Kind: Unknown, Err: ctx.Err()}
	}
	return nil
}

func TestBurstWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &slow{id: "a", takes: 80 * time.Millisecond}, &slow{id: "b"}
		s, err := NewSet(quietLog(), Options{Deadline: 25 * time.Second, Attempt: 10 * time.Second, Pause: time.Second, InWork: 10}, a, b)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 500 { // 4 s
			all.Go(func() {
				if err := s.Push(t.Context(), "a", Target{Token: "x"}, Notification{}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := a.most.Load(); n != 10 {
			t.Errorf("%d pushes at a time, want 10", n)
		}
	})
}

func TestHangingProviderLeavesOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &slow{id: "a", takes: time.Hour}, &slow{id: "b", takes: time.Millisecond}
		s, err := NewSet(quietLog(), Options{Deadline: 25 * time.Second, Attempt: 10 * time.Second, Pause: time.Second, InWork: 10}, a, b)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if err := s.Push(t.Context(), "a", Target{}, Notification{}); KindOf(err) != Unknown {
					t.Errorf("a push that hangs: %v", err)
				}
			})
		}
		time.Sleep(2 * stalled)
		began := time.Now()
		if err := s.Push(t.Context(), "a", Target{}, Notification{}); !errors.Is(err, ErrBusy) || time.Since(began) > time.Second {
			t.Errorf("one push more, after %v: %v, want ErrBusy at once", time.Since(began), err)
		}
		if err := s.Push(t.Context(), "b", Target{}, Notification{}); err != nil {
			t.Errorf("a push of the other provider: %v", err)
		}
		all.Wait()
	})
}
