package h2

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// burst makes n requests at once and counts their fates.
func burst(t *testing.T, tr *Transport, n int, timeout time.Duration) map[string]int {
	t.Helper()
	var mu sync.Mutex
	fates := map[string]int{}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			f := fate(post(ctx, tr, fmt.Sprint("/", i), "{}"))
			mu.Lock()
			fates[f]++
			mu.Unlock()
		})
	}
	all.Wait()
	return fates
}

// TestGoAwayMidBurst: what the server has not looked at goes out again on the
// next connection; nothing is lost and nothing is sent twice.
func TestGoAwayMidBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 2000
		var mu sync.Mutex
		seen := map[string]int{}
		tr, _, dials := wire(t, Options{Connections: 1}, func(s *peer) {
			s.settings(limitStreams, 100)
			left := 150
			s.each(func(id uint32, path string) error {
				if left--; left == 0 {
					// This one is the last that counts; what follows is not looked at.
					_ = s.WriteGoAway(id, http2.ErrCodeNo, []byte(`{"reason":"Shutdown"}`))
				}
				if left < 0 {
					return nil
				}
				mu.Lock()
				seen[path]++
				mu.Unlock()
				return s.answer(id, 200, "")
			})
		})
		fates := burst(t, tr, n, time.Minute)
		if fates["200"] != n || len(seen) != n {
			t.Errorf("fates %v, %d requests seen, want %d", fates, len(seen), n)
		}
		for path, times := range seen {
			if times != 1 {
				t.Errorf("%s came %d times", path, times)
			}
		}
		if d := dials.Load(); d < n/150 || d > n/150+1 {
			t.Errorf("%d connections", d)
		}
	})
}

// TestLimitLowered: a server that takes fewer requests than before gets fewer.
func TestLimitLowered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var most atomic.Int32
		tr, _, dials := wire(t, Options{Connections: 1}, func(s *peer) {
			s.settings(limitStreams, 100)
			var held []uint32
			lowered := false
			s.each(func(id uint32, _ string) error {
				held = append(held, id)
				switch {
				case !lowered && len(held) == 100:
					lowered = true
					s.settings(limitStreams, 10)
				case !lowered, len(held) < 10:
					return nil
				default:
					most.Store(max(most.Load(), int32(len(held))))
				}
				for _, id := range held {
					if err := s.answer(id, 200, ""); err != nil {
						return err
					}
				}
				held = nil
				return nil
			})
		})
		if fates := burst(t, tr, 1100, time.Minute); fates["200"] != 1100 {
			t.Errorf("fates %v", fates)
		}
		if dials.Load() != 1 || most.Load() != 10 {
			t.Errorf("%d connections, %d requests at a time after the limit of 10", dials.Load(), most.Load())
		}
	})
}

// TestStandardSettles: a connection is used when the server has said how many
// requests it takes, and no more go onto it.
func TestStandardSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, _, dials := wire(t, Options{Standard: true}, func(s *peer) {
			time.Sleep(time.Second) // in the bubble
			s.settings(limitStreams, 10)
			s.each(func(id uint32, _ string) error { return s.answer(id, 200, "") })
		})
		if fates := burst(t, tr, 60, time.Minute); fates["200"] != 60 {
			t.Errorf("fates %v", fates)
		}
		if dials.Load() == 1 {
			t.Error("all at once on a connection that takes 10")
		}
	})
}

// TestResets: a refused stream was not looked at and is sent once more, any other
// reset leaves open what became of the request.
func TestResets(t *testing.T) {
	for code, want := range map[http2.ErrCode]struct {
		fate     string
		requests int32
	}{
		http2.ErrCodeRefusedStream: {"not sent", 2}, // it was not looked at, and is sent once more
		http2.ErrCodeInternal:      {"unknown", 1},
	} {
		t.Run(code.String(), func(t *testing.T) {
			var requests atomic.Int32
			tr, _, _ := wire(t, Options{}, func(s *peer) {
				s.settings()
				s.each(func(id uint32, _ string) error {
					requests.Add(1)
					return s.WriteRSTStream(id, code)
				})
			})
			if got := fate(post(t.Context(), tr, "/", "{}")); got != want.fate || requests.Load() != want.requests {
				t.Errorf("%s after %d requests, want %s after %d", got, requests.Load(), want.fate, want.requests)
			}
		})
	}
}

// TestSlowWindows: a server that takes ten bytes at a time gets all of them.
func TestSlowWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := strings.Repeat("x", 300)
		tr, _, _ := wire(t, Options{Connections: 1}, func(s *peer) {
			s.settings(uint32(http2.SettingInitialWindowSize), 10)
			got := map[uint32]int{}
			for {
				frame, err := s.ReadFrame()
				if err != nil {
					return
				}
				d, ok := frame.(*http2.DataFrame)
				if !ok {
					continue
				}
				if d.Length > 10 {
					t.Errorf("%d bytes in a frame", d.Length)
				}
				got[d.StreamID] += int(d.Length)
				if d.StreamEnded() {
					err = s.answer(d.StreamID, 200, fmt.Sprint(got[d.StreamID]))
				} else if err = s.WriteWindowUpdate(d.StreamID, 10); err == nil {
					err = s.WriteWindowUpdate(0, 10)
				}
				if err != nil {
					return
				}
			}
		})
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				resp, err := post(t.Context(), tr, "/", body)
				if err != nil {
					t.Error(err)
					return
				}
				if n, _ := io.ReadAll(resp.Body); string(n) != "300" {
					t.Errorf("%s bytes came", n)
				}
			})
		}
		all.Wait()
	})
}

// TestConnectionWindow: many bodies that do not fit into the connection's window
// together wait for it, in their order.
func TestConnectionWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, _, _ := wire(t, Options{Connections: 1}, func(s *peer) {
			s.settings(limitStreams, 1000)
			owed := uint32(0)
			for {
				frame, err := s.ReadFrame()
				if err != nil {
					return
				}
				if d, ok := frame.(*http2.DataFrame); ok {
					owed += d.Length
					if d.StreamEnded() && s.answer(d.StreamID, 200, "") != nil {
						return
					}
					if owed > 60000 && s.WriteWindowUpdate(0, owed) == nil {
						owed = 0
					}
				}
			}
		})
		body := strings.Repeat("x", 4096)
		var all sync.WaitGroup
		for range 500 {
			all.Go(func() {
				if got := fate(post(t.Context(), tr, "/", body)); got != "200" {
					t.Error(got)
				}
			})
		}
		all.Wait()
	})
}

// TestFirstCome: requests that wait are served in the order of the calls.
func TestFirstCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		tr, _, _ := wire(t, Options{Connections: 1}, func(s *peer) {
			s.settings(limitStreams, 1)
			s.each(func(id uint32, path string) error {
				order = append(order, path)
				time.Sleep(time.Second)
				return s.answer(id, 200, "")
			})
		})
		var all sync.WaitGroup
		var want []string
		for i := range 20 {
			path := fmt.Sprint("/", i)
			want = append(want, path)
			all.Go(func() { _, _ = post(t.Context(), tr, path, "{}") })
			synctest.Wait()
		}
		all.Wait()
		if fmt.Sprint(order) != fmt.Sprint(want) {
			t.Errorf("order %v", order)
		}
	})
}

// TestNeverIndexed: a path, which holds a device's token, and what varies go into
// no table; the rest is sent once.
func TestNeverIndexed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []uint32
		tr, _, _ := wire(t, Options{Connections: 1}, func(s *peer) {
			s.settings()
			for {
				frame, err := s.ReadFrame()
				if err != nil {
					return
				}
				h, ok := frame.(*http2.MetaHeadersFrame)
				if !ok {
					continue
				}
				sizes = append(sizes, h.Length)
				for _, f := range h.Fields {
					secret := f.Name == ":path" || f.Name == "apns-id" || f.Name == "content-length"
					if f.Sensitive != secret {
						t.Errorf("%s: never indexed: %v", f.Name, f.Sensitive)
					}
				}
				if s.answer(h.StreamID, 200, "") != nil {
					return
				}
			}
		})
		for range 100 {
			err := tr.Do(t.Context(), time.Time{}, &Request{Host: "push.example", Path: "/3/device/" + strings.Repeat("ab", 32), Body: []byte("{}"), Header: []Field{
				{Name: "apns-id", Value: "5f0e3c8a-0a55-4b7d-9b55-1f7a0f1c2d3e", Sensitive: true}, {Name: "apns-topic", Value: "com.example.app"},
				{Name: "authorization", Value: strings.Repeat("x", 200)}}}, new(kept))
			if err != nil {
				t.Fatal(err)
			}
		}
		if sizes[0] < 300 || sizes[99] > 120 {
			t.Errorf("header blocks of %d bytes at first and %d at last", sizes[0], sizes[99])
		}
	})
}
