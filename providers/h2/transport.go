// Package h2 is an http.RoundTripper for one push service: few lasting HTTP/2
// connections with many requests on each. It tells a request that never left
// from one that nobody knows the fate of.
//
// It does not know what is sent through it.
package h2

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Options are the settings of a transport; zero values mean the defaults.
type Options struct {
	// TLS holds the client certificate and, where the system's are not enough,
	// the roots ([Roots]). TLS 1.2 is the least in any case, and the server's
	// certificate has to be for the host of the address.
	TLS *tls.Config
	// Proxy is the URL of a proxy that is asked to CONNECT, with the password if
	// it wants one: http://user:password@proxy.example.com:3128. Empty: that of
	// the environment (HTTPS_PROXY, NO_PROXY).
	Proxy string
	// Connections is how many connections there are at most, and how many are
	// kept open after [Transport.Open]. Default 2.
	Connections int
	// Streams bounds the requests under way on one connection; the server's
	// limit, where it is lower, counts. Default 1000.
	Streams int
	// Probation lets a new connection carry one request at a time until the
	// first is answered with 200: a push service that sees an access token on it
	// for the first time takes no more.
	Probation bool
	// HTTP1 sends requests over HTTP/1.1 to a server that offers no HTTP/2,
	// instead of refusing to.
	HTTP1 bool
	// Standard leaves the work to the transport of golang.org/x/net.
	Standard bool
	// Ping is the silence on an idle connection after which it is asked whether
	// it still works. Default 15 s.
	Ping time.Duration
	// Log is told of connections that open and end; nil: nobody is.
	Log *slog.Logger
}

const (
	defaultConnections = 2
	defaultStreams     = 1000
	defaultPing        = 15 * time.Second
)

// engine does a transport's work.
type engine interface {
	http.RoundTripper
	open()
	drain()
	close()
	CloseIdleConnections()
}

// Transport is the round tripper. Its methods may be called at the same time.
type Transport struct {
	engine engine
	own    *pool  // the engine, unless that is the standard one
	plain  *plain // for a server without HTTP/2; nil: there is no such way
}

// New returns a transport to the push service at an address, host:port; the
// host in a request's URL goes into the request only. It dials when the first
// request comes, or after [Transport.Open]. Errors are sentences about the
// proxy or the address.
func New(address string, o Options) (*Transport, error) {
	o.Connections = defaultTo(o.Connections, defaultConnections)
	o.Streams = defaultTo(o.Streams, defaultStreams)
	o.Ping = defaultTo(o.Ping, defaultPing)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d, err := newDialer(address, &o)
	if err != nil {
		return nil, err
	}
	t := &Transport{}
	if o.Standard {
		t.engine = newStandard(d, &o)
	} else {
		t.own = newPool(d, &o)
		t.engine = t.own
	}
	if o.HTTP1 {
		t.plain = newPlain(d)
	}
	return t, nil
}

func defaultTo[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// Open keeps the connections open from now on, before requests come, and opens
// one that ended again, with growing pauses while that fails. It returns at
// once. The standard transport opens none before the first request.
func (t *Transport) Open() { t.engine.open() }

// RoundTrip sends a request when there is room, in the order of the calls, and
// returns the answer with its body read, at most 64 KiB of it. A request that
// the server did not look at is sent once more at once, as its connection was
// closing in most cases. The error is an [*Error].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.plain == nil {
		return t.engine.RoundTrip(req)
	}
	return t.plain.instead(req, t.engine)
}

// Do is RoundTrip without what a http.RoundTripper costs, on a transport that is
// not Standard: for an answer that need not be kept. Of the request nothing is
// used any more once it has returned. It ends with ctx, or a quarter of a second
// after until at the latest, unless that is zero; the one that writes for all is
// held up by a server that reads nothing until the write ends.
func (t *Transport) Do(ctx context.Context, until time.Time, r *Request, a Answerer) error {
	return t.own.do(ctx, until, r, a)
}

// Drain lets go of the connections: requests under way get their answers, late
// ones are still sent, and a connection without requests is closed. For a
// transport that another one has taken the place of.
func (t *Transport) Drain() {
	t.engine.drain()
	t.CloseIdleConnections()
}

// CloseIdleConnections closes the connections that no request uses; what
// [Transport.Open] keeps open is opened again.
func (t *Transport) CloseIdleConnections() {
	t.engine.CloseIdleConnections()
	if t.plain != nil {
		t.plain.CloseIdleConnections()
	}
}

// Close ends the connections and the requests on them, and waits until all has
// ended.
func (t *Transport) Close() {
	t.engine.close()
	if t.plain != nil {
		t.plain.CloseIdleConnections()
	}
}

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

// notSent is the error of a request that ctx ended before it left.
func notSent(ctx context.Context) error { return &Error{Err: context.Cause(ctx)} }
