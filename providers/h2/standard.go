package h2

//lint:file-ignore SA1019 net/http's transport, which is to be used instead, dials one connection for each waiting request at a cold start; Apple takes that for an attack.

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
)

// idleTimeout ends what [Transport.Drain] left open for the requests on it.
const idleTimeout = time.Hour

// standard is an engine on x/net's transport. That is never strict, as that
// deadlocks, and opens connections without a bound when the server's limit on
// streams is reached; the requests under way are bounded here.
type standard struct {
	*http2.Transport
	pool  *settledPool
	slots chan struct{}
	ctx   context.Context // of all requests
	end   context.CancelCauseFunc
}

func newStandard(d *dialer, o *Options) *standard {
	ctx, end := context.WithCancelCause(context.Background())
	pool := &settledPool{ctx: ctx, dial: func(ctx context.Context) (net.Conn, error) { return d.dialHTTP2(ctx) }}
	pool.transport = &http2.Transport{
		ConnPool:           pool,
		DisableCompression: true,
		IdleConnTimeout:    idleTimeout,
		ReadIdleTimeout:    o.Ping,
		PingTimeout:        2 * pingTimeout,
	}
	return &standard{
		Transport: pool.transport,
		pool:      pool,
		slots:     make(chan struct{}, o.Connections*o.Streams),
		ctx:       ctx, end: end,
	}
}

func (t *standard) open() {}

func (t *standard) drain() { t.CloseIdleConnections() }

func (t *standard) close() {
	t.pool.mu.Lock()
	t.end(errClosed) // from here on none is opened
	t.pool.mu.Unlock()
	t.pool.close()
	t.pool.opens.Wait()
	t.pool.close()
}

// CloseIdleConnections closes the connections without a request; x/net's own
// method knows its own pool only.
func (t *standard) CloseIdleConnections() { t.pool.closeIdle() }

// RoundTrip implements http.RoundTripper; see [Transport.RoundTrip].
func (t *standard) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	defer cancel(nil) // the answer is read whole
	defer context.AfterFunc(t.ctx, func() { cancel(errClosed) })()
	req = req.WithContext(ctx)
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	case <-ctx.Done():
		return nil, notSent(ctx)
	}
	resp, err := t.attempt(req)
	if errors.Is(err, errRefused) && req.GetBody != nil {
		body, bodyErr := req.GetBody()
		if bodyErr != nil {
			return nil, err
		}
		again := req.WithContext(ctx)
		again.Body = body
		resp, err = t.attempt(again)
	}
	if err != nil {
		return nil, err
	}
	return whole(resp)
}

// attempt sends a request once.
func (t *standard) attempt(req *http.Request) (*http.Response, error) {
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
	resp, err := t.Transport.RoundTrip(once)
	if err != nil {
		return nil, &Error{Written: written.Load() && !errors.Is(err, errRefused), Err: err}
	}
	return resp, nil
}
