// Package apnstest is a simulator of Apple's push notification service, for
// tests and for tpush demo. It checks what Apple checks: TLS with HTTP/2, the
// client certificate and its topics, each header, and the push payload's shape
// and size; and it answers in Apple's words.
package apnstest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Answer is what the simulator is told to do with pushes to a token.
type Answer struct {
	Status     int    // e.g. 410
	Reason     string // e.g. "Unregistered"
	Since      time.Time
	RetryAfter string
	Body       string        // instead of the JSON
	Delay      time.Duration // before the answer
	Drop       bool          // the connection ends without an answer
	GoAway     bool          // the connection takes no more pushes after the answer (RFC 9113 section 6.8)
	Times      int           // how often; 0 for ever
}

// Push is one push as it arrived.
type Push struct {
	Token   string
	Path    string
	Header  http.Header
	Payload []byte
	Status  int    // 200: accepted
	Reason  string // of a refusal
}

// Server is a running simulator.
type Server struct {
	authority *authority
	sandbox   bool
	http      *http.Server
	listener  net.Listener
	done      chan struct{}
	opened    atomic.Int64 // connections

	mu      sync.Mutex
	script  map[string]*Answer
	delay   time.Duration // of answers that no script is for
	load    Load
	watch   func(Push)
	keys    map[string]*signingKey // by key id
	clock   time.Duration          // its difference from the machine's
	counts  map[int]int            // answers by status
	seen    int                    // pushes that passed every check
	pushes  []Push
	read    int           // how many of pushes Next has returned
	changed chan struct{} // closed and replaced at each push
}

// New starts a simulator of the production environment on a free port of the
// loopback address.
func New() (*Server, error) { return NewWithLimit(0) }

// NewWithLimit is New with a limit on the requests under way on a connection; 0:
// that of Go's server.
func NewWithLimit(streams int) (*Server, error) {
	a, err := newAuthority()
	if err != nil {
		return nil, err
	}
	return start(a, false, streams)
}

// Sandbox starts a simulator of the test environment beside s, with an address
// and a [Server.Close] of its own; a certificate that s issued is good for both,
// unless it says otherwise.
func (s *Server) Sandbox() (*Server, error) { return start(s.authority, true, 0) }

func start(a *authority, sandbox bool, streams int) (*Server, error) {
	own, err := a.serverCertificate()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for pushes: %w", err)
	}
	s := &Server{authority: a, sandbox: sandbox, listener: l, done: make(chan struct{}), script: map[string]*Answer{}, keys: map[string]*signingKey{}, counts: map[int]int{}, changed: make(chan struct{})}
	var h2 http.Protocols
	h2.SetHTTP2(true)
	s.http = &http.Server{
		Handler:           s,
		Protocols:         &h2,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: streams},
		ReadHeaderTimeout: 10 * time.Second,
		// Its own log would stand between the lines of tests and of the demo.
		ErrorLog: log.New(io.Discard, "", 0),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				s.opened.Add(1)
			}
		},
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{own},
			ClientAuth: tls.RequestClientCert},
	}
	go func() {
		defer close(s.done)
		// It returns when the simulator is closed.
		_ = s.http.ServeTLS(l, "", "")
	}()
	return s, nil
}

// Close ends the simulator and its connections.
func (s *Server) Close() {
	s.http.Close()
	<-s.done
}

// Addr is host:port, for a provider's 'host'.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Connections is how many connections were opened so far.
func (s *Server) Connections() int { return int(s.opened.Load()) }

// CA is the certificate, in PEM, that the simulator's own is signed by.
func (s *Server) CA() []byte { return s.authority.pem() }

// Script says what to answer to pushes to a token.
func (s *Server) Script(token string, a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script[token] = &a
}

// Delay makes every push take so long that no script is for.
func (s *Server) Delay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

// ServeHTTP takes one push.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := Push{Path: r.URL.Path, Header: r.Header.Clone(), Status: http.StatusOK}
	a := s.check(r, &p)
	if a == nil {
		a = s.scripted(p.Token)
	}
	if a != nil && a.Delay > 0 {
		select {
		case <-time.After(a.Delay):
		case <-r.Context().Done():
			return
		}
	}
	if a != nil && a.Status != 0 {
		p.Status, p.Reason = a.Status, a.Reason
	}
	drop := a != nil && a.Drop
	if drop {
		p.Status = 0
	}
	s.record(p)
	if drop {
		panic(http.ErrAbortHandler)
	}
	if a != nil && a.GoAway {
		w.Header().Set("Connection", "close") // Go's server makes a GOAWAY of it
	}
	w.Header().Set("apns-id", r.Header.Get("apns-id"))
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	if p.Status != http.StatusOK {
		refuse(w, a)
	}
}

func (s *Server) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.clock)
}

func refuse(w http.ResponseWriter, a *Answer) {
	if a.RetryAfter != "" {
		w.Header().Set("Retry-After", a.RetryAfter)
	}
	body := a.Body
	if body == "" {
		w.Header().Set("Content-Type", "application/json")
		body = fmt.Sprintf(`{"reason":%q}`, a.Reason)
		if !a.Since.IsZero() {
			body = fmt.Sprintf(`{"reason":%q,"timestamp":%d}`, a.Reason, a.Since.UnixMilli())
		}
	}
	w.WriteHeader(a.Status)
	fmt.Fprint(w, body)
}

func (s *Server) scripted(token string) *Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.script[token]
	s.seen++
	if a == nil && s.load.Every > 0 && s.seen%s.load.Every == 0 {
		one := s.load.Answer
		one.Delay = max(one.Delay, s.delay)
		return &one
	}
	if a == nil && s.delay > 0 {
		return &Answer{Delay: s.delay}
	}
	if a == nil {
		return nil
	}
	if a.Times > 0 {
		if a.Times--; a.Times == 0 {
			delete(s.script, token)
		}
	}
	return a
}

func (s *Server) record(p Push) {
	s.mu.Lock()
	watch := s.watch
	s.mu.Unlock()
	if watch != nil {
		watch(p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[p.Status]++
	if s.load.CountOnly {
		return
	}
	s.pushes = append(s.pushes, p)
	close(s.changed)
	s.changed = make(chan struct{})
}

// Pushes returns all pushes so far.
func (s *Server) Pushes() []Push {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Push(nil), s.pushes...)
}

// Next returns the next push that Next has not returned yet, and waits for it.
func (s *Server) Next(ctx context.Context) (Push, error) {
	for {
		s.mu.Lock()
		changed := s.changed
		if s.read < len(s.pushes) {
			p := s.pushes[s.read]
			s.read++
			s.mu.Unlock()
			return p, nil
		}
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return Push{}, fmt.Errorf("wait for a push: %w", ctx.Err())
		}
	}
}

// verify checks the client's certificate.
func (s *Server) verify(cs *tls.ConnectionState) (*x509.Certificate, error) {
	if len(cs.PeerCertificates) == 0 {
		return nil, errors.New("no certificate")
	}
	leaf := cs.PeerCertificates[0]
	_, err := leaf.Verify(x509.VerifyOptions{Roots: s.authority.pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return leaf, err
}
