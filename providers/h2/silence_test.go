package h2

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestHang: a server that says nothing any more is found by a ping, the
// connection replaced; what was under way is unknown, what comes later is sent.
func TestHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, _, dials := wire(t, Options{Connections: 1}, func(s *peer) {
			s.settings()
			if s.n > 0 {
				s.each(func(id uint32, _ string) error { return s.answer(id, 200, "") })
				return
			}
			_, _ = io.Copy(io.Discard, s.conn)
		})
		began := time.Now()
		fates := burst(t, tr, 50, time.Minute)
		if fates["unknown"] != 50 || time.Since(began) > busySilence+pingTimeout {
			t.Errorf("fates %v after %v", fates, time.Since(began))
		}
		if fates := burst(t, tr, 50, time.Minute); fates["200"] != 50 || dials.Load() != 2 {
			t.Errorf("fates %v on %d connections", fates, dials.Load())
		}
	})
}

// TestHangWithPings: one that answers pings but no requests is replaced, too.
func TestHangWithPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, _, dials := wire(t, Options{Connections: 1}, func(s *peer) {
			s.settings()
			s.each(s.answerLater)
		})
		if fates := burst(t, tr, 5, 10*time.Second); fates["unknown"] != 5 {
			t.Errorf("fates %v", fates)
		}
		if fates := burst(t, tr, 5, 10*time.Second); fates["200"] != 5 || dials.Load() != 2 {
			t.Errorf("fates %v on %d connections", fates, dials.Load())
		}
	})
}

// TestIdle: a connection that has died in silence is found without a request.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, p, dials := wire(t, Options{Connections: 2}, func(s *peer) {
			s.settings()
			if s.n == 0 {
				_, _ = io.Copy(io.Discard, s.conn)
				return
			}
			s.each(func(id uint32, _ string) error { return s.answer(id, 200, "") })
		})
		tr.Open()
		synctest.Wait()
		if dials.Load() != 2 {
			t.Fatalf("%d connections before any request", dials.Load())
		}
		time.Sleep(defaultPing + pingTimeout + time.Second)
		synctest.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		if dials.Load() != 3 || p.usable() != 2 {
			t.Errorf("%d dialled, %d usable", dials.Load(), p.usable())
		}
	})
}

// TestHalfResponse: an answer that breaks off is none.
func TestHalfResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, _, _ := wire(t, Options{}, func(s *peer) {
			s.settings()
			s.each(func(id uint32, _ string) error {
				s.block.Reset()
				_ = s.enc.WriteField(hpack.HeaderField{Name: ":status", Value: "400"})
				_ = s.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: s.block.Bytes(), EndHeaders: true})
				_ = s.WriteData(id, false, []byte(`{"rea`))
				return errors.New("enough")
			})
		})
		if fates := burst(t, tr, 1, time.Minute); fates["unknown"] != 1 {
			t.Errorf("fates %v", fates)
		}
	})
}

// TestGivingUp: requests that nobody waits for any more free their places, on
// the connection and in the queue.
func TestGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var resets atomic.Int32
		tr, p, _ := wire(t, Options{Connections: 1}, func(s *peer) {
			s.settings(limitStreams, 10)
			for {
				f, err := s.ReadFrame()
				if err != nil {
					return
				}
				if f.Header().Type == http2.FrameRSTStream {
					resets.Add(1)
				}
			}
		})
		// When the first ten give up, some of the others may be sent before they do.
		fates := burst(t, tr, 30, time.Second)
		if fates["unknown"] < 10 || fates["unknown"]+fates["not sent"] != 30 {
			t.Errorf("fates %v", fates)
		}
		time.Sleep(gather)
		synctest.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.waiting.Len() != 0 || p.conns[0].active != 0 || int(resets.Load()) != fates["unknown"] {
			t.Errorf("%d wait, %d active, %d reset", p.waiting.Len(), p.conns[0].active, resets.Load())
		}
	})
}

// TestClosed: the end of the transport is the end of what is under way.
func TestClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, _, _ := wire(t, Options{Connections: 1}, func(s *peer) {
			s.settings(limitStreams, 1)
			_, _ = io.Copy(io.Discard, s.conn)
		})
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				if _, err := post(t.Context(), tr, "/", "{}"); !errors.Is(err, errClosed) {
					t.Errorf("error %v", err)
				}
			})
		}
		synctest.Wait()
		tr.Close()
		all.Wait()
		if _, err := post(t.Context(), tr, "/", "{}"); !errors.Is(err, errClosed) || fate(nil, err) != "not sent" {
			t.Errorf("afterwards: %v", err)
		}
	})
}
