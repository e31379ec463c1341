// Package exttest is the server side of XEP-0114, for tests and for tpush demo:
// it accepts components, sends them stanzas, and waits for their answers. It
// checks what real servers check: the secret, addresses on every stanza, and
// that no stanza carries a namespace that Prosody loses.
package exttest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/tpush/tpush/component/xmpp"
	"mellium.im/xmpp/stream"
)

// Options says how the server behaves.
type Options struct {
	// Secrets are the components' secrets by their domains.
	Secrets map[string]string
	// Single refuses a second connection of a domain with a conflict, as
	// Prosody does.
	Single bool
	// Deaf takes what components send and gives nothing back.
	Deaf bool
}

// Server is a running simulator.
type Server struct {
	opts     Options
	listener net.Listener
	ctx      context.Context
	cancel   context.CancelFunc
	all      sync.WaitGroup

	mu      sync.Mutex
	conns   map[string][]*xmpp.Stream // by domain
	waiting map[string]chan *xmpp.Element
	changed chan struct{} // closed and replaced when a component comes or goes
	unasked chan *xmpp.Element
	faults  []error
	reached int
	echoed  int
}

// New starts a server on a free port of the loopback address.
func New(opts Options) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for components: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{opts: opts, listener: l, ctx: ctx, cancel: cancel,
		conns: map[string][]*xmpp.Stream{}, waiting: map[string]chan *xmpp.Element{},
		changed: make(chan struct{}), unasked: make(chan *xmpp.Element, 100)}
	s.all.Go(s.accept)
	return s, nil
}

// Port is where the server listens on 127.0.0.1.
func (s *Server) Port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// Close ends all streams and the server.
func (s *Server) Close() {
	s.cancel()
	s.listener.Close()
	s.Drop()
	s.all.Wait()
}

// Drop closes all connections without a word, as a stopping server does.
func (s *Server) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range s.conns {
		for _, c := range list {
			c.Close()
		}
	}
	clear(s.conns)
	s.wake()
}

func (s *Server) accept() {
	for {
		tcp, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.all.Go(func() { s.serve(tcp) })
	}
}

func (s *Server) serve(tcp net.Conn) {
	st, err := xmpp.Accept(s.ctx, tcp, rand.Text(), func(domain string) (string, bool) {
		secret, ok := s.opts.Secrets[domain]
		return secret, ok
	})
	if err != nil {
		return
	}
	domain := st.Header.To
	if !s.enter(domain, st) {
		st.CloseWith(stream.Conflict)
		return
	}
	defer s.leave(domain, st)
	for {
		e, err := st.Read()
		if err != nil {
			return
		}
		s.take(domain, e)
	}
}

func (s *Server) enter(domain string, st *xmpp.Stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opts.Single && len(s.conns[domain]) > 0 || s.ctx.Err() != nil {
		return false
	}
	s.conns[domain] = append(s.conns[domain], st)
	s.reached++
	s.wake()
	return true
}

func (s *Server) leave(domain string, st *xmpp.Stream) {
	st.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.conns[domain]
	for i, c := range list {
		if c == st {
			s.conns[domain] = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	s.wake()
}

func (s *Server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// take checks a stanza of a component and gives it to whom it belongs: to the
// request it answers, back to the component when it is to itself, or to Next.
func (s *Server) take(domain string, e *xmpp.Element) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := check(domain, e); err != nil {
		s.faults = append(s.faults, err)
		return
	}
	if s.opts.Deaf {
		return
	}
	q := e.IQ()
	if q != nil && q.Request() && q.To == domain {
		for _, c := range s.conns[domain] {
			if c.Write(q) == nil {
				s.echoed++
				return
			}
		}
	}
	if ch, ok := s.waiting[e.ID+" "+e.To]; ok && q != nil && !q.Request() {
		delete(s.waiting, e.ID+" "+e.To)
		ch <- e
		return
	}
	select {
	case s.unasked <- e:
	default:
		s.faults = append(s.faults, errors.New("more than 100 unasked stanzas"))
	}
}

// check says what a real server would refuse about a stanza.
func check(domain string, e *xmpp.Element) error {
	switch {
	case e.Name.Space != xmpp.NSAccept:
		return fmt.Errorf("%s in namespace %s: Prosody loses it", e.Name.Local, e.Name.Space)
	case e.From != domain && !isBelow(e.From, domain):
		return fmt.Errorf("%s from %q: not this component", e.Name.Local, e.From)
	case e.To == "":
		return fmt.Errorf("%s without to", e.Name.Local)
	}
	return nil
}

func isBelow(from, domain string) bool {
	n := len(domain)
	return len(from) > n && (from[:n+1] == domain+"/" || from[len(from)-n-1:] == "@"+domain)
}
