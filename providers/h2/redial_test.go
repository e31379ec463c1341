package h2

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// TestProbation: until the first request is answered with 200, there is one at a
// time.
func TestProbation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []uint32
		tr, _, _ := wire(t, Options{Connections: 1, Probation: true}, func(s *peer) {
			s.settings(limitStreams, 50)
			s.each(func(id uint32, _ string) error {
				order = append(order, id)
				switch len(order) {
				case 1, 2:
					time.Sleep(time.Second) // the others could come meanwhile
					return s.answer(id, []int{401, 200}[len(order)-1], "")
				case 12:
					for _, id := range order[2:] {
						if err := s.answer(id, 200, ""); err != nil {
							return err
						}
					}
				}
				return nil
			})
		})
		fates := burst(t, tr, 12, time.Minute)
		if len(order) != 12 || fates["401"] != 1 || fates["200"] != 11 {
			t.Errorf("fates %v of %v", fates, order)
		}
	})
}

// TestBackoff: a server that refuses connections is asked again with growing
// pauses, and nobody waits for it in vain.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, p, _ := wire(t, Options{}, nil)
		var attempts atomic.Int32
		p.dial = func(context.Context) (net.Conn, error) {
			attempts.Add(1)
			return nil, errors.New("no route")
		}
		tr.Open()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := attempts.Load(); n < 20 || n > 60 {
			t.Errorf("%d attempts in ten minutes", n)
		}
		began := time.Now()
		_, err := post(t.Context(), tr, "/", "{}")
		if fate(nil, err) != "not sent" || !strings.Contains(err.Error(), "no route") || time.Since(began) > worthWaiting {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// TestShortLived: a server that ends each connection at once is not asked in a
// loop.
func TestShortLived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, _, dials := wire(t, Options{}, func(s *peer) {
			s.settings()
			_ = s.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, []byte(`{"reason":"BadCertificate"}`))
			s.each(func(uint32, string) error { return nil })
		})
		tr.Open()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := dials.Load(); n < 20 || n > 60 {
			t.Errorf("%d connections in ten minutes", n)
		}
		_, err := post(t.Context(), tr, "/", "{}")
		var away *GoAway
		if fate(nil, err) != "not sent" || !errors.As(err, &away) || away.Text != `{"reason":"BadCertificate"}` {
			t.Errorf("error %v", err)
		}
	})
}

// TestDrain: a transport whose place another has taken answers what is under
// way and what comes late, and then has no connection.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, p, _ := wire(t, Options{}, func(s *peer) {
			s.settings()
			s.each(func(id uint32, path string) error {
				if path == "/slow" {
					time.Sleep(time.Second)
				}
				return s.answer(id, 200, "")
			})
		})
		tr.Open()
		var all sync.WaitGroup
		all.Go(func() {
			if got := fate(post(t.Context(), tr, "/slow", "{}")); got != "200" {
				t.Errorf("the request under way: %s", got)
			}
		})
		synctest.Wait()
		tr.Drain()
		if got := fate(post(t.Context(), tr, "/late", "{}")); got != "200" {
			t.Errorf("a late request: %s", got)
		}
		all.Wait()
		synctest.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.conns) > 0 {
			t.Errorf("%d connections are left", len(p.conns))
		}
	})
}
