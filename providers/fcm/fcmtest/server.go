// Package fcmtest is a simulator of Firebase Cloud Messaging and of Google's
// token endpoint, for tests and for tpush demo. It checks the assertion that a
// token is asked for with, the token, and each message's shape and size; and it
// answers in Google's words.
package fcmtest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Project is the simulator's only Firebase project.
const Project = "demo-project"

// Answer is what the simulator is told to do with a request.
type Answer struct {
	Status      int           // e.g. 404; 0: what is right for the request
	Code        string        // FCM's or OAuth's error code, e.g. UNREGISTERED; empty: none in the answer
	Field       string        // a field that the answer names as wrong
	AlsoField   string        // and another one
	Limited     bool          // it is said to be the whole project's limit
	Description string        // in words; empty: Google's
	RetryAfter  string        // the header of that name
	Body        string        // instead of the JSON
	ContentType string        // of Body
	Delay       time.Duration // before the answer; a long one is a server that hangs
	Drop        bool          // the connection ends without an answer
	Times       int           // how often; 0 for ever
}

// Message is one message as it arrived.
type Message struct {
	Path    string
	Proto   string      // HTTP/1.1 or HTTP/2.0
	Header  http.Header // without Authorization
	Token   string
	Data    map[string]string
	Android map[string]any
	DryRun  bool
	Body    json.RawMessage // as sent; empty when the access token was refused
	Status  int             // of the answer; 0: the connection was ended
}

// Server is a running simulator.
type Server struct {
	key      *rsa.PrivateKey
	http     *http.Server
	listener net.Listener
	scheme   string
	ca       []byte // of an https server
	done     chan struct{}

	mu       sync.Mutex
	life     time.Duration // of access tokens
	issued   map[string]time.Time
	oauth    Answer // of the token endpoint
	tokens   int
	script   map[string]*Answer
	messages []Message
	forget   bool // they are not kept
	watch    func(Message)
	read     int
	changed  chan struct{} // closed and replaced at each message
}

// New starts a simulator on a free port of the loopback address. It speaks
// plain HTTP/1.1.
func New() (*Server, error) { return start("http", nil, nil) }

// NewTLS is New for https with one of the protocols h2 and http/1.1. The
// certificate is signed by the authority that CA returns.
func NewTLS(protocol string) (*Server, error) {
	cert, ca, err := certificate()
	if err != nil {
		return nil, err
	}
	return start("https", ca, &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{protocol}})
}

func start(scheme string, ca []byte, config *tls.Config) (*Server, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for messages: %w", err)
	}
	s := &Server{key: key, listener: l, scheme: scheme, ca: ca, done: make(chan struct{}), life: time.Hour,
		issued: map[string]time.Time{}, script: map[string]*Answer{}, changed: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("POST /v1/projects/{project}/messages:send", s.send)
	// Its own log would stand between the lines of tests and of the demo.
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, TLSConfig: config, ErrorLog: log.New(io.Discard, "", 0), Protocols: new(http.Protocols)}
	s.http.Protocols.SetHTTP1(config == nil || config.NextProtos[0] != "h2")
	s.http.Protocols.SetHTTP2(config != nil && config.NextProtos[0] == "h2")
	go func() {
		defer close(s.done)
		// Both return when the simulator is closed.
		if config != nil {
			_ = s.http.ServeTLS(l, "", "")
			return
		}
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
func (s *Server) Endpoint() string { return s.address() + "/v1" }

func (s *Server) address() string { return s.scheme + "://" + s.listener.Addr().String() }

func (s *Server) tokenURI() string { return s.address() + "/token" }

// CA is the authority of an https simulator in PEM form, for a provider's
// 'ca-file'; nil for http.
func (s *Server) CA() []byte { return s.ca }

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
		"token_uri":      s.tokenURI(),
	}, "", "  ")
}

// WriteServiceAccount writes ServiceAccount's JSON to a file that only its owner
// can read.
func (s *Server) WriteServiceAccount(file string) error {
	data, err := s.ServiceAccount()
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return fmt.Errorf("write service account: %w", err)
	}
	return nil
}
