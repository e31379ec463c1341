package http

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime/debug"
	"time"
)

// Limits of a connector: what slow, half-open and greedy clients can hold.
const (
	headerTime  = 10 * time.Second // for a request's header, and for the TLS handshake
	requestTime = 20 * time.Second // for a request with its body
	answerTime  = 40 * time.Second // for a request and its answer
	idleTime    = 60 * time.Second // between two requests
	maxHeader   = 16 << 10
	maxStreams  = 50 // requests at a time on an HTTP/2 connection
	// Connections at a time, over all and from one address.
	maxConns, maxConnsOfOne = 1024, 128

	shutdownTime = 5 * time.Second
)

// How long a connector waits before it tries an address again that is in use.
const firstRetry, longestRetry = 2 * time.Second, time.Minute

// Connector is one address that is listened at.
type Connector struct {
	Address string      // host:port; without a host all of the machine's
	TLS     *tls.Config // nil: plain
	HTTP2   bool        // offered to clients that speak it; plain connectors do not
	Handler http.Handler
	// Proxies are not bound to the number of connections from one address.
	Proxies Proxies
	Log     *slog.Logger

	// Listen replaces net.Listen in tests.
	Listen func(network, address string) (net.Listener, error)
}

// Run listens and serves until ctx ends; then requests in work have 5 s to be
// answered. An address that cannot be listened at is tried again until it can:
// the error is never that.
func (c *Connector) Run(ctx context.Context) error {
	l, ok := c.listen(ctx)
	if !ok {
		return nil
	}
	c.Log.Info("listening", "address", l.Addr().String(), "tls", c.TLS != nil)
	srv := c.server(ctx)
	done := make(chan error, 1)
	go func() {
		if c.TLS != nil {
			done <- srv.ServeTLS(l, "", "")
		} else {
			done <- srv.Serve(l)
		}
	}()
	select {
	case err := <-done:
		return fmt.Errorf("serve %s: %w", c.Address, err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if err := srv.Shutdown(last); err != nil {
		c.Log.Warn("requests cut off at the end", "address", c.Address, "err", errors.Join(err, srv.Close()))
	}
	<-done
	return nil
}

// listen opens the address, however long another program keeps it.
func (c *Connector) listen(ctx context.Context) (net.Listener, bool) {
	open := c.Listen
	if open == nil {
		open = net.Listen
	}
	for pause := firstRetry; ; pause = min(2*pause, longestRetry) {
		l, err := open("tcp", c.Address)
		if err == nil {
			return newBounded(l, c.Proxies), true
		}
		if pause == firstRetry {
			c.Log.Warn("cannot listen: trying again; pushes are not concerned", "address", c.Address, "err", err,
				"advice", "another program has this port, perhaps the XMPP server on this machine: give one of them another port")
		}
		select {
		case <-ctx.Done():
			return nil, false
		case <-time.After(pause + rand.N(pause/4)):
		}
	}
}

// server makes the HTTP server with its limits.
func (c *Connector) server(ctx context.Context) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(c.HTTP2 && c.TLS != nil)
	return &http.Server{
		Handler:           recovered(c.Handler, c.Log),
		TLSConfig:         c.TLS,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       requestTime,
		WriteTimeout:      answerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		Protocols:         protocols,
		// OPTIONS * gets what any other wrong request does.
		DisableGeneralOptionsHandler: true,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		// What goes wrong on a connection is the client's affair.
		ErrorLog:    slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
}

// recovered answers a request whose handler panicked with 500, and keeps the
// stack for the log.
func recovered(next http.Handler, l *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil || p == http.ErrAbortHandler {
				return
			}
			l.Error("an HTTP request could not be answered because of a mistake in this program", "err", p, "stack", string(debug.Stack()))
			text(w, http.StatusInternalServerError)
		}()
		next.ServeHTTP(w, r)
	})
}

// text answers with a status and its words alone.
func text(w http.ResponseWriter, status int) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A client that is gone needs no answer.
	_, _ = fmt.Fprintf(w, "%s\n", http.StatusText(status))
}
