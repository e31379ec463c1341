package h2

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// TestSettledUseless: a connection on which the server takes no request is an
// error for those who wait, not a reason to open the next at once.
func TestSettledUseless(t *testing.T) {
	for name, serve := range map[string]func(*peer){
		"no streams": func(s *peer) {
			s.settings(limitStreams, 0)
			s.each(func(uint32, string) error { return nil })
		},
		"goes away": func(s *peer) {
			s.settings()
			pong(s)
			_ = s.WriteGoAway(0, http2.ErrCodeNo, nil)
			time.AfterFunc(time.Second, func() { s.conn.(*outbox).Conn.Close() })
			s.each(func(uint32, string) error { return nil })
		},
		"hangs up": func(s *peer) {
			s.settings()
			pong(s)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr, _, dials := wire(t, Options{Standard: true}, serve)
				began := time.Now()
				fates := burst(t, tr, 50, 10*time.Second)
				took := time.Since(began)
				time.Sleep(2 * time.Second) // of virtual time, for a server that hangs up late
				if fates["200"] != 0 || dials.Load() > 100 || took > time.Second {
					t.Errorf("fates %v after %v and %d connections", fates, took, dials.Load())
				}
			})
		})
	}
}

// pong answers the first ping, and reads that the settings are confirmed.
func pong(s *peer) {
	for ping, ack := false, false; !ping || !ack; {
		frame, err := s.ReadFrame()
		if err != nil {
			return
		}
		switch f := frame.(type) {
		case *http2.PingFrame:
			ping = true
			_ = s.WritePing(true, f.Data)
		case *http2.SettingsFrame:
			ack = ack || f.IsAck()
		}
	}
}

// TestSettledStalled: a connection whose server reads nothing any more holds up
// neither the next one nor Close.
func TestSettledStalled(t *testing.T) {
	release := make(chan struct{})
	tr, _, _ := wire(t, Options{Standard: true}, func(s *peer) {
		s.settings(limitStreams, 1)
		if s.n > 0 {
			s.each(s.answerLater)
			return
		}
		pong(s)
		<-release
	})
	t.Cleanup(func() { close(release) })
	stalled := make(chan string, 1)
	go func() { stalled <- fate(post(t.Context(), tr, "/", strings.Repeat("x", 1000))) }()
	for st := tr.engine.(*standard); ; time.Sleep(time.Millisecond) {
		if all := st.pool.all(); len(all) == 1 && !all[0].CanTakeNewRequest() {
			break
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if got := fate(post(ctx, tr, "/", "{}")); got != "200" {
		t.Errorf("on the next connection: %s", got)
	}
	ended := make(chan struct{})
	go func() { tr.Close(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("Close waits")
	}
	if got := <-stalled; got != "unknown" {
		t.Errorf("the request on the first: %s", got)
	}
}
