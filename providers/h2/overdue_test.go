package h2

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// kept is an answer.
type kept struct {
	status int
	id     string
	body   string
}

func (k *kept) Answer(status int, fields []Field, body []byte) {
	*k = kept{status, header(fields).Get("apns-id"), string(body)}
}

// do makes a request beside its context and body.
func do(ctx context.Context, tr *Transport, until time.Time, path string) (k kept, err error) {
	err = tr.Do(ctx, until, &Request{Host: "push.example", Path: path, Body: []byte("{}")}, &k)
	return k, err
}

// TestUntil: a request ends when its time is over, and the server is told; the
// others on the connection go on.
func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cancelled atomic.Int32
		tr, _, dials := wire(t, Options{Connections: 1}, func(s *peer) {
			s.settings()
			for {
				f, err := s.ReadFrame()
				if err != nil {
					return
				}
				if rst, ok := f.(*http2.RSTStreamFrame); ok && rst.ErrCode == http2.ErrCodeCancel {
					cancelled.Add(1)
					if s.answer(1, 200, "late") != nil {
						return
					}
				}
				if f.Header().StreamID == 3 && f.Header().Type == http2.FrameData && s.answer(3, 200, "other") != nil {
					return
				}
			}
		})
		began := time.Now()
		var all sync.WaitGroup
		all.Go(func() {
			var e *Error
			k, err := do(t.Context(), tr, began.Add(time.Second), "/first")
			took := time.Since(began)
			if !errors.As(err, &e) || !e.Written || !errors.Is(err, context.DeadlineExceeded) || k.status != 0 {
				t.Errorf("answer %v, error %v", k, err)
			}
			if took < time.Second || took > time.Second+coarse {
				t.Errorf("it took %v", took)
			}
		})
		synctest.Wait()
		if k, err := do(t.Context(), tr, began.Add(time.Minute), "/second"); err != nil || k.status != 200 || k.body != "other" {
			t.Errorf("answer %v, error %v", k, err)
		}
		all.Wait()
		synctest.Wait()
		if cancelled.Load() != 1 || dials.Load() != 1 {
			t.Errorf("%d requests cancelled, %d connections", cancelled.Load(), dials.Load())
		}
	})
}

// TestUntilWithoutRoom: a request that finds no connection ends in time, too.
func TestUntilWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, _, _ := wire(t, Options{Connections: 1, Streams: 1}, func(s *peer) {
			s.settings()
			s.each(func(uint32, string) error { return nil })
		})
		var all sync.WaitGroup
		all.Go(func() { _, _ = do(t.Context(), tr, time.Now().Add(time.Hour), "/first") })
		synctest.Wait()
		began := time.Now()
		var e *Error
		if _, err := do(t.Context(), tr, began.Add(time.Second), "/second"); !errors.As(err, &e) || e.Written || time.Since(began) != time.Second {
			t.Errorf("error %v after %v", err, time.Since(began))
		}
		tr.Close()
		all.Wait()
	})
}

// TestUnansweredUntil: a connection on which nothing was answered in time gets no
// more requests.
func TestUnansweredUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, _, dials := wire(t, Options{Connections: 1}, func(s *peer) {
			s.settings()
			s.each(s.answerLater)
		})
		if _, err := do(t.Context(), tr, time.Now().Add(10*time.Second), "/first"); err == nil {
			t.Error("no error")
		}
		if k, err := do(t.Context(), tr, time.Now().Add(10*time.Second), "/second"); err != nil || k.status != 200 || dials.Load() != 2 {
			t.Errorf("answer %v, error %v, %d connections", k, err, dials.Load())
		}
	})
}
