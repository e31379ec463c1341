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

// TestGather: a request on a quiet connection leaves at once; of many, those that
// come within two milliseconds leave together.
func TestGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, p, _ := wire(t, Options{Connections: 1}, func(s *peer) {
			s.settings()
			s.each(func(id uint32, _ string) error { return s.answer(id, 200, "") })
		})
		var writes atomic.Int32
		dial := p.dial
		p.dial = func(ctx context.Context) (net.Conn, error) {
			c, err := dial(ctx)
			return counted{c, &writes}, err
		}
		ask := func() time.Duration {
			began := time.Now()
			if k, err := do(t.Context(), tr, time.Time{}, "/"); err != nil || k.status != 200 {
				t.Errorf("answer %v, error %v", k, err)
			}
			return time.Since(began)
		}
		ask() // it connects
		time.Sleep(time.Second)
		if d := ask(); d != 0 {
			t.Errorf("one alone took %v", d)
		}
		time.Sleep(time.Second)
		writes.Store(0)
		var all sync.WaitGroup
		for range 200 { // 20 ms
			all.Go(func() {
				if d := ask(); d > gather {
					t.Errorf("one of many took %v", d)
				}
			})
			time.Sleep(100 * time.Microsecond)
		}
		all.Wait()
		if n := writes.Load(); n < 5 || n > 12 {
			t.Errorf("%d writes in 20 ms", n)
		}
	})
}
