package h2

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func server(t *testing.T, http2 bool, h http.HandlerFunc) (*httptest.Server, *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = http2
	s.StartTLS()
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s, &tls.Config{RootCAs: pool}
}

// open makes a transport to a server.
func open(t *testing.T, s *httptest.Server, o Options) *Transport {
	t.Helper()
	return dialTo(t, s.Listener.Addr().String(), o)
}

func dialTo(t *testing.T, address string, o Options) *Transport {
	t.Helper()
	tr, err := New(address, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.Close)
	return tr
}

func get(t *testing.T, tr *Transport, url string) (*http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tr.RoundTrip(req)
}

func TestManyRequestsOnOneConnection(t *testing.T) {
	var busy, most atomic.Int32
	addresses := sync.Map{}
	s, config := server(t, true, func(w http.ResponseWriter, r *http.Request) {
		addresses.Store(r.RemoteAddr, true)
		if n := busy.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer busy.Add(-1)
		io.WriteString(w, r.Proto)
	})
	tr := open(t, s, Options{TLS: config, Connections: 1, Streams: 20})
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			resp, err := get(t, tr, s.URL)
			if err != nil {
				t.Error(err)
				return
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if string(body) != "HTTP/2.0" {
				t.Errorf("protocol %s", body)
			}
		})
	}
	all.Wait()
	connections := 0
	addresses.Range(func(any, any) bool { connections++; return true })
	if connections != 1 || most.Load() > 20 {
		t.Errorf("%d connections, %d requests at a time; want 1 and at most 20", connections, most.Load())
	}
}

func TestServerWithoutHTTP2(t *testing.T) {
	s, config := server(t, false, func(http.ResponseWriter, *http.Request) {})
	tr := open(t, s, Options{TLS: config})
	_, err := get(t, tr, s.URL)
	var e *Error
	if !errors.Is(err, ErrNoHTTP2) || !errors.As(err, &e) || e.Written {
		t.Errorf("error %v", err)
	}
	if want := s.Listener.Addr().String() + " offers no HTTP/2"; !strings.Contains(err.Error(), want) {
		t.Errorf("%q does not say %q", err, want)
	}
}

func TestWrittenOrNot(t *testing.T) {
	s, config := server(t, true, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	tr := open(t, s, Options{TLS: config})
	var e *Error
	if _, err := get(t, tr, s.URL); !errors.As(err, &e) || !e.Written {
		t.Errorf("a request that was not answered: %v", err)
	}
	s.Close()
	if _, err := get(t, open(t, s, Options{TLS: config}), s.URL); !errors.As(err, &e) || e.Written {
		t.Errorf("a request that never left: %v", err)
	}
}

func TestWaitingForRoom(t *testing.T) {
	arrived, release := make(chan bool, 1), make(chan bool)
	s, config := server(t, true, func(http.ResponseWriter, *http.Request) { arrived <- true; <-release })
	tr := open(t, s, Options{TLS: config, Connections: 1, Streams: 1})
	var first sync.WaitGroup
	first.Go(func() {
		resp, err := get(t, tr, s.URL)
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
	})
	<-arrived
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	if _, err := tr.RoundTrip(req); !errors.As(err, &e) || e.Written || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a request that found no room: %v", err)
	}
	close(release)
	first.Wait()
}
