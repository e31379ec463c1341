package h2

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counted counts the writes of a connection.
type counted struct {
	net.Conn
	writes *atomic.Int32
}

func (c counted) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// TestGather: with few requests under way each leaves at once; with many, those
// that come within two milliseconds leave together.
func TestGather(t *testing.T) {
	const few, many = 10, 300
	synctest.Test(t, func(t *testing.T) {
		tr, p, _ := wire(t, Options{Connections: 1}, func(s *peer) {
			s.settings(limitStreams, 1000)
			var held []uint32 // until the last request has come
			s.each(func(id uint32, _ string) error {
				if held = append(held, id); len(held) != few && len(held) != few+many {
					return nil
				}
				for _, id := range held[len(held)/(few+many)*few:] {
					if err := s.answer(id, 200, ""); err != nil {
						return err
					}
				}
				return nil
			})
		})
		var writes atomic.Int32
		dial := p.dial
		p.dial = func(ctx context.Context) (net.Conn, error) {
			c, err := dial(ctx)
			return counted{c, &writes}, err
		}
		// ask sends requests 100 microseconds after each other, and returns in how
		// many writes they left.
		ask := func(n int) int32 {
			time.Sleep(time.Second)
			writes.Store(0)
			var all sync.WaitGroup
			for range n {
				all.Go(func() {
					if k, err := do(t.Context(), tr, time.Time{}, "/"); err != nil || k.status != 200 {
						t.Errorf("answer %v, error %v", k, err)
					}
				})
				time.Sleep(100 * time.Microsecond)
			}
			all.Wait()
			return writes.Load()
		}
		p.open()
		if n := ask(few); n != few {
			t.Errorf("%d of %d requests left alone", n, few)
		}
		if n := ask(many); n < crowd+10 || n > crowd+20 {
			t.Errorf("%d requests in %d writes", many, n)
		}
	})
}
