// Package fcmtest is a simulator of Firebase Cloud Messaging and of Google's
// token endpoint, for tests and for tpush demo. It checks the assertion that a
// token is asked for with, the token, and each message's shape and size; and it
// answers in Google's words.
package fcmtest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Project is the simulator's only Firebase project.
const Project = "demo-project"

// Answer is what the simulator is told to do with messages to a token.
type Answer struct {
	Status      int    // e.g. 404
	Code        string // FCM's error code, e.g. UNREGISTERED; empty: none in the answer
	Field       string // a field that the answer names as wrong
	RetryAfter  string
	Body        string // instead of the JSON
	ContentType string // of Body
	Delay       time.Duration
	Drop        bool // the connection ends without an answer
	Times       int  // how often; 0 for ever
}

// Message is one message as it arrived.
type Message struct {
	Path    string
	Header  http.Header
	Token   string
	Data    map[string]string
	Android map[string]any
	DryRun  bool
	Body    json.RawMessage
	Status  int
}

// Server is a running simulator.
type Server struct {
	key      *rsa.PrivateKey
	http     *http.Server
	listener net.Listener
	done     chan struct{}

	mu       sync.Mutex
	life     time.Duration // of tokens
	issued   map[string]time.Time
	refuse   bool // the token endpoint refuses
	tokens   int
	script   map[string]*Answer
	messages []Message
	read     int
	changed  chan struct{} // closed and replaced at each message
}

// New starts a simulator on a free port of the loopback address.
func New() (*Server, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for messages: %w", err)
	}
	s := &Server{key: key, listener: l, done: make(chan struct{}), life: time.Hour,
		issued: map[string]time.Time{}, script: map[string]*Answer{}, changed: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("POST /v1/projects/{project}/messages:send", s.send)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.done)
		// It returns when the simulator is closed.
		_ = s.http.Serve(l)
	}()
	return s, nil
}

// Close ends the simulator and its connections.
func (s *Server) Close() {
	s.http.Close()
	<-s.done
}

// Endpoint is the address for a provider's 'endpoint'.
func (s *Server) Endpoint() string { return "http://" + s.listener.Addr().String() + "/v1" }

// ServiceAccount is the JSON of a service account that may send, as Google
// issues it; its token_uri is the simulator's.
func (s *Server) ServiceAccount() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return json.MarshalIndent(map[string]string{
		"type":           "service_account",
		"project_id":     Project,
		"private_key_id": "simulated",
		"private_key":    string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email":   email,
		"token_uri":      "http://" + s.listener.Addr().String() + "/token",
	}, "", "  ")
}

// Script says what to answer to messages to a token.
func (s *Server) Script(token string, a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script[token] = &a
}

// RefuseTokens makes the token endpoint refuse the service account, or take it
// again.
func (s *Server) RefuseTokens(refuse bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = refuse
}

// RevokeTokens makes all tokens invalid that were issued so far.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.issued)
}

// Tokens is how many tokens were issued.
func (s *Server) Tokens() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens
}

// Messages returns all messages so far.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Message(nil), s.messages...)
}

// Next returns the next message that Next has not returned yet, and waits for
// it.
func (s *Server) Next(ctx context.Context) (Message, error) {
	for {
		s.mu.Lock()
		changed := s.changed
		if s.read < len(s.messages) {
			m := s.messages[s.read]
			s.read++
			s.mu.Unlock()
			return m, nil
		}
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return Message{}, fmt.Errorf("wait for a message: %w", ctx.Err())
		}
	}
}

func (s *Server) record(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, m)
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Server) scripted(token string) *Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.script[token]
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
