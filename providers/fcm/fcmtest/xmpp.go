package fcmtest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
)

// XMPPAnswer is what the XMPP simulator is told to do with a message.
type XMPPAnswer struct {
	Error       string // of a nack, e.g. DEVICE_UNREGISTERED; empty: it is accepted
	Description string // of the error
	Stanza      bool   // the message is refused as a stanza, with the description
	Silent      bool   // there is no answer
	Drop        bool   // the connection ends without an answer
	Times       int    // how often; 0 for ever
}

// XMPPMessage is one message as it arrived.
type XMPPMessage struct {
	Connection int // from 1, in the order of their logins
	To         string
	ID         string
	Priority   string
	Life       *int // seconds; nil: none given
	DryRun     bool
	Data       map[string]string
	JSON       string
}

// XMPP is a running simulator of FCM's XMPP protocol (Google, "XMPP server
// reference"): TLS from the first byte, SASL PLAIN, JSON in messages, answers to
// each, and no more than 100 messages without one.
type XMPP struct {
	sender, key string
	listener    net.Listener
	ca          []byte
	all         sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	logins   int
	refused  int
	links    []*xmppLink
	script   map[string]*XMPPAnswer
	hold     bool
	messages []XMPPMessage
	acks     []string
	faults   []error
}

// NewXMPP starts a simulator on a free port of the loopback address that takes a
// sender id with its server key.
func NewXMPP(sender, key string) (*XMPP, error) {
	cert, ca, err := certificate()
	if err != nil {
		return nil, err
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12})
	if err != nil {
		return nil, fmt.Errorf("listen for connections: %w", err)
	}
	s := &XMPP{sender: sender, key: key, listener: l, ca: ca, script: map[string]*XMPPAnswer{}}
	s.all.Go(s.accept)
	return s, nil
}

func (s *XMPP) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // the simulator is closed
		}
		l := &xmppLink{server: s, conn: conn, held: map[string]bool{}}
		s.mu.Lock()
		if s.closed {
			conn.Close()
		}
		s.links = append(s.links, l)
		s.all.Go(l.serve)
		s.mu.Unlock()
	}
}

// Close ends the simulator and its connections.
func (s *XMPP) Close() {
	s.listener.Close()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.Drop()
	s.all.Wait()
}

// Port is the simulator's port on 127.0.0.1.
func (s *XMPP) Port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// CA is the authority of the simulator's certificate in PEM form.
func (s *XMPP) CA() []byte { return s.ca }

// Script says what to answer to messages to a token.
func (s *XMPP) Script(token string, a XMPPAnswer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script[token] = &a
}

// Hold keeps all acceptances back until it is called with false, which sends
// them.
func (s *XMPP) Hold(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hold = on
	if !on {
		for _, l := range s.links {
			l.release()
		}
	}
}

// Drain tells all connections that they are about to be closed; messages that
// come over them from now on are not taken.
func (s *XMPP) Drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.links {
		l.draining = true
		l.write(map[string]any{"message_type": "control", "control_type": "CONNECTION_DRAINING"})
	}
}

// Drop ends all connections at once, with all that is without an answer.
func (s *XMPP) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.links {
		l.conn.Close()
	}
}

// Upstream sends a message of a device to all connections.
func (s *XMPP) Upstream(token, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.links {
		l.write(map[string]any{"from": token, "message_id": id, "category": "com.example.app", "data": map[string]string{"hello": "world"}})
	}
}

// Messages returns all messages so far.
func (s *XMPP) Messages() []XMPPMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Acks returns the ids of the devices' messages that were acknowledged.
func (s *XMPP) Acks() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.acks)
}

// Connections is how many connections are logged in.
func (s *XMPP) Connections() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.links {
		if l.number > 0 {
			n++
		}
	}
	return n
}

// Logins is how many logins there were, and how many more were refused.
func (s *XMPP) Logins() (good, refused int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins, s.refused
}

// Faults are all things that a client did and may not.
func (s *XMPP) Faults() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.faults...)
}

// scripted is what to do with a message; the caller holds the mutex.
func (s *XMPP) scripted(token string) XMPPAnswer {
	a := s.script[token]
	if a == nil {
		return XMPPAnswer{}
	}
	once := *a
	if a.Times > 0 {
		if a.Times--; a.Times == 0 {
			delete(s.script, token)
		}
	}
	return once
}
