package h2

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"
)

// refuser is a server that answers every request with RST_STREAM of a code.
type refuser struct {
	url      string
	config   *tls.Config // a client's
	code     http2.ErrCode
	requests atomic.Int32
}

func newRefuser(t *testing.T, code http2.ErrCode) *refuser {
	t.Helper()
	lender, config := server(t, true, nil)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: lender.TLS.Certificates, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	s := &refuser{url: "https://" + l.Addr().String(), config: config, code: code}
	var all sync.WaitGroup
	t.Cleanup(func() { l.Close(); all.Wait() })
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.serve(conn) })
		}
	})
	return s
}

func (s *refuser) serve(conn net.Conn) {
	defer conn.Close()
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(conn, preface); err != nil {
		return
	}
	f := http2.NewFramer(conn, conn)
	if f.WriteSettings() != nil {
		return
	}
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() && f.WriteSettingsAck() != nil {
				return
			}
		case *http2.HeadersFrame:
			s.requests.Add(1)
			if f.WriteRSTStream(frame.StreamID, s.code) != nil {
				return
			}
		}
	}
}

// TestResetStreams: a refused stream was not looked at and is sent once more,
// any other reset leaves open what became of the request.
func TestResetStreams(t *testing.T) {
	for code, want := range map[http2.ErrCode]struct {
		written  bool
		requests int32
	}{
		http2.ErrCodeRefusedStream: {false, 2},
		http2.ErrCodeInternal:      {true, 1},
	} {
		t.Run(code.String(), func(t *testing.T) {
			s := newRefuser(t, code)
			tr := dialTo(t, strings.TrimPrefix(s.url, "https://"), Options{TLS: s.config})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			var e *Error
			if _, err := tr.RoundTrip(req); !errors.As(err, &e) || e.Written != want.written {
				t.Errorf("error %v", err)
			}
			if n := s.requests.Load(); n != want.requests {
				t.Errorf("%d requests, want %d", n, want.requests)
			}
		})
	}
}
