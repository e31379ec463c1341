package h2

//lint:file-ignore SA1019 as in standard.go

import (
	"context"
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
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		// One that ended before it was in here has been marked in vain.
		p.conns = slices.DeleteFunc(append(p.conns, cc), func(c *http2.ClientConn) bool { return c.State().Closed })
	}
	p.opening, o.err = nil, err
	close(o.done)
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

// close closes the connections in a state.
func (p *settledPool) close(in func(http2.ClientConnState) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, cc := range p.conns {
		if in(cc.State()) {
			cc.Close() // its reader calls MarkDead
		}
	}
}
