package h2

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

const (
	// plainConnections bounds those over HTTP/1.1, of which each carries one
	// request at a time.
	plainConnections = 64
	// plainFor is how long a server is believed to offer no HTTP/2.
	plainFor = 10 * time.Minute
)

// plain sends over HTTP/1.1 what the server does not take over HTTP/2.
type plain struct {
	*http.Transport
	until atomic.Int64 // Unix seconds until which HTTP/2 is not tried
}

func newPlain(d *dialer) *plain {
	return &plain{Transport: &http.Transport{
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.dial(ctx, "http/1.1")
		},
		MaxConnsPerHost:     plainConnections,
		MaxIdleConnsPerHost: plainConnections,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true,
	}}
}

// instead sends a request over HTTP/2 and, where there is none, over HTTP/1.1.
func (p *plain) instead(req *http.Request, h2 http.RoundTripper) (*http.Response, error) {
	if time.Now().Unix() >= p.until.Load() {
		resp, err := h2.RoundTrip(req)
		if !errors.Is(err, ErrNoHTTP2) {
			return resp, err
		}
		p.until.Store(time.Now().Add(plainFor).Unix())
		if req.GetBody != nil {
			body, err := req.GetBody()
			if err != nil {
				return nil, &Error{Err: err}
			}
			req = req.Clone(req.Context())
			req.Body = body
		}
	}
	var written atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { written.Store(true) }}
	resp, err := p.Transport.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil {
		return nil, &Error{Written: written.Load(), Err: err}
	}
	return resp, nil
}
