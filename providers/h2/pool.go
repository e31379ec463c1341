package h2

import (
	"container/list"
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// repeats is how often a request that the server refused to look at is sent
// again at once.
const repeats = 1

// pool is the engine of our own: it opens connections and gives each request a
// place on one, in the order of the calls.
type pool struct {
	o    Options
	name string // of the server, for the log
	dial func(context.Context) (net.Conn, error)
	ctx  context.Context // of dialling
	end  context.CancelFunc
	all  sync.WaitGroup // the goroutines: of each connection, and the one that dials

	calls   calls
	names   names
	mu      sync.Mutex
	conns   []*conn   // the open ones; the first with room gets the next request
	waiting list.List // of *waiter
	keep    bool      // connections are opened before requests come
	drained bool      // connections are closed when idle
	closed  bool
	dialling
}

// waiter is a request that waits for a place.
type waiter struct{ place chan place }

// place is a connection with room for a request, or why there is none.
type place struct {
	conn *conn
	err  error
}

func newPool(d *dialer, o *Options) *pool {
	p := &pool{o: *o, name: d.address}
	p.dial = func(ctx context.Context) (net.Conn, error) { return d.dialHTTP2(ctx) }
	p.ctx, p.end = context.WithCancel(context.Background())
	return p
}

// RoundTrip implements http.RoundTripper; see [Transport.RoundTrip].
func (p *pool) RoundTrip(req *http.Request) (*http.Response, error) {
	k := p.calls.get()
	if err := k.askHTTP(req, &p.names); err != nil {
		return nil, &Error{Err: err}
	}
	if err := p.send(req.Context(), k); err != nil {
		return nil, err
	}
	resp := k.response(req)
	p.calls.put(k)
	return resp, nil
}

// do is [Transport.Do].
func (p *pool) do(ctx context.Context, until time.Time, r *Request, a Answerer) error {
	k := p.calls.get()
	k.ask(r)
	k.until = until
	if err := p.send(ctx, k); err != nil {
		return err
	}
	a.Answer(k.status, k.fields, k.answer)
	p.calls.put(k)
	return nil
}

// send sends a call's request, and once more what the server did not look at.
func (p *pool) send(ctx context.Context, k *call) error {
	refused := 0
	for again := false; ; again = true {
		c, err := p.enter(ctx, k.until, again)
		if err != nil {
			return err
		}
		err = c.do(ctx, k)
		if p.leave(c, k.status); err == nil {
			return nil
		}
		switch {
		case errors.Is(err, errNotTaken):
			// The connection had ended: another one takes it.
		case !errors.Is(err, errRefused) || refused == repeats:
			return err
		default:
			refused++
		}
	}
}

// enter waits for room on a connection; one that had it already waits in front.
// Each enter has its [pool.leave].
func (p *pool) enter(ctx context.Context, until time.Time, again bool) (*conn, error) {
	p.mu.Lock()
	if again || p.waiting.Len() == 0 {
		if c := p.free(); c != nil {
			c.active++
			p.mu.Unlock()
			return c, nil
		}
	}
	if err := p.hopeless(); err != nil {
		p.mu.Unlock()
		return nil, &Error{Err: err}
	}
	ctx, cancel := bound(ctx, until)
	defer cancel()
	w := &waiter{make(chan place, 1)}
	var e *list.Element
	if again {
		e = p.waiting.PushFront(w)
	} else {
		e = p.waiting.PushBack(w)
	}
	p.redial()
	p.mu.Unlock()
	select {
	case got := <-w.place:
		return got.conn, got.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	select {
	case got := <-w.place: // in the last moment
		p.mu.Unlock()
		if got.conn != nil {
			p.leave(got.conn, 0)
		}
	default:
		p.waiting.Remove(e)
		p.mu.Unlock()
	}
	return nil, notSent(ctx)
}

// leave gives a place back, with the answer's status, 0 for none.
func (p *pool) leave(c *conn, status int) {
	p.mu.Lock()
	c.active--
	c.accepted = c.accepted || status == http.StatusOK
	if status != 0 && p.failures > 0 {
		p.failures = 0
		p.redial()
	}
	p.hand()
	idle := c.active == 0 && (c.leaving || p.drained)
	if idle {
		p.drop(c)
	}
	p.mu.Unlock()
	if idle {
		c.die(errClosed)
	}
}

// free finds a connection with room. Filling one before the next is used makes
// for large writes, of which each costs the same. p.mu is held.
func (p *pool) free() *conn {
	if p.closed {
		return nil
	}
	for _, c := range p.conns {
		if !c.leaving && !c.suspect && c.active < c.room(p.o.Probation) {
			return c
		}
	}
	return nil
}

// hand gives places to those who wait. p.mu is held.
func (p *pool) hand() {
	for p.waiting.Len() > 0 {
		c := p.free()
		if c == nil {
			return
		}
		c.active++
		p.waiting.Remove(p.waiting.Front()).(*waiter).place <- place{conn: c}
	}
}

// turnAway ends the waiting of all. p.mu is held.
func (p *pool) turnAway(err error) {
	for p.waiting.Len() > 0 {
		p.waiting.Remove(p.waiting.Front()).(*waiter).place <- place{err: &Error{Err: err}}
	}
}

// usable counts the connections that take requests, now or when they have
// room. p.mu is held.
func (p *pool) usable() (n int) {
	for _, c := range p.conns {
		if !c.leaving {
			n++
		}
	}
	return n
}

// drop forgets a connection. p.mu is held.
func (p *pool) drop(c *conn) {
	if i := slices.Index(p.conns, c); i >= 0 {
		p.conns = slices.Delete(p.conns, i, i+1)
		p.redial()
	}
}

// retire gives a connection no more requests, for a reason; it is closed when
// the last one has left it.
func (p *pool) retire(c *conn, why error) {
	p.mu.Lock()
	c.leaving = true
	p.redial()
	p.judge(c, why)
	idle := c.active == 0
	if idle {
		p.drop(c)
	}
	p.mu.Unlock()
	if idle {
		c.die(errClosed)
	}
}

// change alters what [pool.free] looks at.
func (p *pool) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	p.hand()
	p.redial()
}

func (p *pool) open() { p.change(func() { p.keep = true }) }

func (p *pool) drain() { p.change(func() { p.keep, p.drained = false, true }) }

// CloseIdleConnections closes the connections that no request uses.
func (p *pool) CloseIdleConnections() {
	p.mu.Lock()
	idle := slices.DeleteFunc(slices.Clone(p.conns), func(c *conn) bool { return c.active > 0 })
	for _, c := range idle {
		p.drop(c)
	}
	p.mu.Unlock()
	for _, c := range idle {
		c.die(errClosed)
	}
}

func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.turnAway(errClosed)
	conns := slices.Clone(p.conns)
	p.mu.Unlock()
	p.end()
	for _, c := range conns {
		c.die(errClosed)
	}
	p.all.Wait()
}

// dialling is how it stands with opening connections; the pool's mu guards it.
type dialling struct {
	under    bool      // the goroutine runs
	failures int       // since a connection was of use
	last     error     // of them
	next     time.Time // before which nothing is dialled
}
