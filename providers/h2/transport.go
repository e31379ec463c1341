// Package h2 is an http.RoundTripper for one push service: few lasting HTTP/2
// connections with many requests on each. It tells a request that never left
// from one that nobody knows the fate of.
//
// It does not know what is sent through it. Inside is x/net's transport.
package h2

//lint:file-ignore SA1019 net/http's transport, which is to be used instead, dials one connection for each waiting request at a cold start; Apple takes that for an attack.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
)

// Options are the settings of a transport; zero values mean the defaults.
type Options struct {
	// TLS holds the client certificate and, where the system's are not enough,
	// the roots. TLS 1.2 is the least and HTTP/2 is demanded in any case.
	TLS *tls.Config
	// InFlight bounds the requests under way; others wait. x/net's transport is
	// never strict, as that deadlocks, and opens connections without a bound
	// when the server's limit on streams is reached. Default 500.
	InFlight int
}

const (
	defaultInFlight = 500
	dialTimeout     = 10 * time.Second
	readIdle        = 15 * time.Second
	pingTimeout     = 10 * time.Second
	tcpKeepAlive    = 30 * time.Second
)

// ErrNoHTTP2 means that the server, or what stands in its place, does not speak
// HTTP/2.
var ErrNoHTTP2 = errors.New("offers no HTTP/2 (ALPN h2): is it the right host and port, or does a proxy open the encryption on the way?")

// errRefused stands for all that says so: a refused stream, one above a
// GOAWAY's last, a connection that was closed before it (RFC 9113 section 8.7).
var errRefused = errors.New("the server did not take the request")

// Error is a request that got no answer.
type Error struct {
	// Written means that the request may have left us and that the server may
	// have acted on it. Otherwise it was not sent, or the server refused to look
	// at it, and it is safe to send again.
	Written bool
	Err     error
}

// Error returns the cause's text and what is known of the request.
func (e *Error) Error() string {
	if e.Written {
		return fmt.Sprintf("sent, but no answer: %v", e.Err)
	}
	return fmt.Sprintf("not sent: %v", e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Transport is the round tripper. Its methods may be called at the same time.
type Transport struct {
	inner *http2.Transport
	slots chan struct{}
}

// New returns a transport; it dials when the first request comes.
func New(o Options) *Transport {
	if o.InFlight <= 0 {
		o.InFlight = defaultInFlight
	}
	config := &tls.Config{}
	if o.TLS != nil {
		config = o.TLS.Clone()
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	config.NextProtos = []string{http2.NextProtoTLS}
	return &Transport{
		inner: &http2.Transport{
			TLSClientConfig:    config,
			DialTLSContext:     dial,
			DisableCompression: true,
			ReadIdleTimeout:    readIdle,
			PingTimeout:        pingTimeout,
		},
		slots: make(chan struct{}, o.InFlight),
	}
}

// dial opens a connection and sees that it speaks HTTP/2.
func dial(ctx context.Context, network, address string, config *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	d := tls.Dialer{NetDialer: &net.Dialer{KeepAlive: tcpKeepAlive}, Config: config}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		// The alert of a server that knows no h2 (RFC 7301 section 3.2); crypto/tls
		// has no type for it.
		if strings.Contains(err.Error(), "no application protocol") {
			return nil, fmt.Errorf("%s %w", address, ErrNoHTTP2)
		}
		return nil, err
	}
	if conn.(*tls.Conn).ConnectionState().NegotiatedProtocol != http2.NextProtoTLS {
		conn.Close()
		return nil, fmt.Errorf("%s %w", address, ErrNoHTTP2)
	}
	return conn, nil
}

// RoundTrip sends a request when there is room, in the order of the calls, and
// returns the answer. A request that the server did not look at is sent once
// more at once, as its connection was closing in most cases. The error is an
// [*Error].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	case <-req.Context().Done():
		return nil, &Error{Err: context.Cause(req.Context())}
	}
	resp, err := t.attempt(req)
	if !errors.Is(err, errRefused) {
		return resp, err
	}
	body, bodyErr := req.GetBody()
	if bodyErr != nil {
		return nil, err
	}
	again := req.WithContext(req.Context())
	again.Body = body
	return t.attempt(again)
}

// attempt sends a request once.
func (t *Transport) attempt(req *http.Request) (*http.Response, error) {
	var written atomic.Bool
	// From here on x/net writes in a goroutine of its own, and a caller that
	// gives up does not learn how far that came.
	ctx := httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { written.Store(true) }})
	once := req.WithContext(ctx)
	if req.GetBody != nil {
		// x/net asks for the body again when it is sure that the server did not
		// act on the request; it would repeat for a minute, which is its caller's
		// affair.
		once.GetBody = func() (io.ReadCloser, error) { return nil, errRefused }
	}
	resp, err := t.inner.RoundTrip(once)
	if err != nil {
		return nil, &Error{Written: written.Load() && !errors.Is(err, errRefused), Err: err}
	}
	return resp, nil
}

// CloseIdleConnections closes the connections that no request uses.
func (t *Transport) CloseIdleConnections() { t.inner.CloseIdleConnections() }
