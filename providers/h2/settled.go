package h2

//lint:file-ignore SA1019 as in standard.go

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"

	"golang.org/x/net/http2"
)

// settledPool holds the connections of x/net's transport. It hands one out
// once the server's settings are known: before, x/net takes 100 requests for
// allowed, and a server that allows fewer may end the connection with those
// under way. One connection is opened at a time.
type settledPool struct {
	ctx       context.Context // of the dials
	dial      func(context.Context) (net.Conn, error)
	transport *http2.Transport
	opens     sync.WaitGroup

	mu      sync.Mutex
	conns   []*http2.ClientConn
	opening *opening // nil: none
}

// opening is a connection that is being opened.
type opening struct {
	done chan struct{} // closed when err is set
	err  error
}

// GetClientConn implements http2.ClientConnPool.
func (p *settledPool) GetClientConn(req *http.Request, _ string) (*http2.ClientConn, error) {
	for {
		p.mu.Lock()
		if i := slices.IndexFunc(p.conns, (*http2.ClientConn).ReserveNewRequest); i >= 0 {
			cc := p.conns[i]
			p.mu.Unlock()
			return cc, nil
		}
		if err := context.Cause(p.ctx); err != nil {
			p.mu.Unlock()
			return nil, err
		}
		o := p.opening
		if o == nil {
			o = &opening{done: make(chan struct{})}
			p.opening = o
			p.opens.Go(func() { p.open(o) })
		}
		p.mu.Unlock()
		select {
		case <-o.done:
			if o.err != nil {
				return nil, o.err
			}
		case <-req.Context().Done():
			return nil, context.Cause(req.Context())
		}
	}
}

func (p *settledPool) open(o *opening) {
	cc, err := p.settled()
	if err == nil {
		p.mu.Lock()
		p.conns = append(p.conns, cc)
		p.mu.Unlock()
		// It may have ended before it was in here, and been marked in vain.
		if err = takesNone(cc); err != nil {
			p.MarkDead(cc)
			cc.Close()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opening, o.err = nil, err
	close(o.done)
}

// takesNone is the error for those who have waited for a connection that takes no
// request: to open the next at once would go on for ever.
func takesNone(cc *http2.ClientConn) error {
	// x/net says of one that has ended before its first request that it takes one.
	if s := cc.State(); s.Closed || s.Closing || s.MaxConcurrentStreams == 0 {
		return errors.New("the server takes no request on a new connection")
	}
	return nil
}

// settled opens a connection and waits for the server's settings, which come
// before its answer to a ping (RFC 9113 section 3.4).
func (p *settledPool) settled() (*http2.ClientConn, error) {
	conn, err := p.dial(p.ctx)
	if err != nil {
		return nil, err
	}
	cc, err := p.transport.NewClientConn(conn)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("begin HTTP/2: %w", err)
	}
	ctx, cancel := context.WithTimeout(p.ctx, dialTimeout)
	defer cancel()
	if err := cc.Ping(ctx); err != nil {
		cc.Close()
		return nil, fmt.Errorf("no settings from the server: %w", err)
	}
	return cc, nil
}

// MarkDead implements http2.ClientConnPool.
func (p *settledPool) MarkDead(cc *http2.ClientConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = slices.DeleteFunc(p.conns, func(c *http2.ClientConn) bool { return c == cc })
}

// close closes the connections.
func (p *settledPool) close() {
	for _, cc := range p.all() {
		cc.Close() // its reader calls MarkDead
	}
}

// closeIdle closes those without a request. It waits for a server that reads
// nothing, as the state does for a write to end.
func (p *settledPool) closeIdle() {
	for _, cc := range p.all() {
		if s := cc.State(); s.StreamsActive+s.StreamsReserved+s.StreamsPending == 0 {
			cc.Close()
		}
	}
}

func (p *settledPool) all() []*http2.ClientConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.conns)
}
