package h2

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestUntilIsOver: a request whose time is over is not sent, however it comes that
// late: the server would be asked for what nobody waits for, and a push that has
// not left may be repeated.
func TestUntilIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		tr, _, _ := wire(t, Options{Connections: 1}, func(s *peer) {
			s.settings()
			s.each(func(id uint32, _ string) error {
				asked.Add(1)
				return s.answer(id, 200, "")
			})
		})
		if k, err := do(t.Context(), tr, time.Now().Add(time.Second), "/first"); err != nil || k.status != 200 {
			t.Fatalf("answer %v, error %v", k, err)
		}
		var e *Error
		if k, err := do(t.Context(), tr, time.Now(), "/second"); !errors.As(err, &e) || e.Written || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("answer %v, error %v", k, err)
		}
		if asked.Load() != 1 {
			t.Errorf("the server got %d requests", asked.Load())
		}
	})
}

// TestCloseUnderWay: who has put a request down when the transport is closed, and
// goes on to write it, starts nothing that the transport would wait for.
func TestCloseUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, p, _ := wire(t, Options{Connections: 1}, func(s *peer) {
			s.settings()
			s.each(func(id uint32, _ string) error { return s.answer(id, 200, "") })
		})
		if _, err := do(t.Context(), tr, time.Time{}, "/"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		c := p.conns[0]
		k := p.calls.get()
		k.ask(&Request{Host: "push.example", Path: "/"})
		if err := c.submit(k); err != nil {
			t.Fatal(err)
		}
		c.mu.Lock()
		c.began = time.Now().Add(time.Hour) // the next write is not to be now
		c.mu.Unlock()
		var all sync.WaitGroup
		all.Go(func() {
			for over := false; !over; runtime.Gosched() {
				c.mu.Lock()
				over = c.err != nil
				c.mu.Unlock()
			}
			c.flush()
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.flushing {
				t.Error("a write is to come")
			}
		})
		tr.Close()
		all.Wait()
	})
}
