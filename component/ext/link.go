package ext

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tpush/tpush/component/xmpp"
	"mellium.im/xmpp/stream"
)

// link keeps the connections to one address for one domain.
type link struct {
	ext      *Ext
	item     Item
	address  string
	handler  Handler
	dialer   *dialer           // nil where the server dials
	want     int               // connections to dial
	accepted chan *xmpp.Stream // of a server that dialled
	log      *slog.Logger
	end      func() // takes the link out of service

	draining bool          // guarded by mu
	workers  *workers      // handlers
	turned   atomic.Int64  // requests turned away
	drained  chan struct{} // closed when all handlers have answered at the end

	mu       sync.Mutex
	connects int
	live     []*conn
	changed  chan struct{} // closed and replaced when a connection comes
	single   bool
	leftover []byte    // answers that no stream could write yet
	leftAt   time.Time // when the last of them was left
	failure  string
	failedAt time.Time
}

// conn is one established stream.
type conn struct {
	stream *xmpp.Stream
	since  time.Time
	seen   atomic.Int64 // Unix nanoseconds of the last sign of life
	heard  atomic.Bool  // something came, or a probe came back by another one
}

func newLink(e *Ext, it Item, address string, h Handler) *link {
	l := &link{ext: e, item: it, address: address, handler: h, accepted: make(chan *xmpp.Stream),
		log: e.log.With("server", address, "domain", it.Domain), drained: make(chan struct{}), changed: make(chan struct{})}
	l.workers = newWorkers(l.handle)
	return l
}

// run keeps the link's connections until ctx ends. Then it lets the requests in
// work be answered, turns others away, and closes the streams.
func (l *link) run(ctx context.Context) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var all sync.WaitGroup
	for n := range l.want {
		all.Go(func() { l.keep(ctx, work, n) })
	}
	if l.item.listen {
		all.Go(func() { l.receive(ctx, work) })
	}
	<-ctx.Done()
	l.drain(cancel)
	all.Wait()
	l.workers.end()
}

// lastReads is how long after the order to stop requests are still taken: what a
// server has sent already is to be read and done.
const lastReads = 50 * time.Millisecond

// drain waits for the requests in work, for at most the drain time, and then lets
// the streams close. What still comes meanwhile is answered as a passing failure: a
// server routes to a stream as long as that is there.
func (l *link) drain(cancel context.CancelFunc) {
	time.Sleep(lastReads)
	l.mu.Lock()
	l.draining = true
	l.mu.Unlock()
	timer := time.AfterFunc(l.ext.drain, cancel)
	defer timer.Stop()
	l.workers.wait()
	close(l.drained)
}

// admit counts a request in; false when the link is ending.
func (l *link) admit() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining {
		return false
	}
	l.workers.under.Add(1)
	return true
}

// keep keeps one connection until ctx ends, or until it turns out that the
// server takes only one and another of ours is that one.
func (l *link) keep(ctx, work context.Context, n int) {
	if n > 0 && !l.settled(ctx) {
		return
	}
	o := outage{pace: &l.ext.pace}
	for sleep(ctx, o.pause()) {
		lived, err := l.session(ctx, work, &o)
		if ctx.Err() != nil {
			return
		}
		l.failed(err)
		switch {
		case errors.Is(err, stream.Conflict) && l.others():
			l.log.Info("the server takes one connection per domain", "err", err)
			return
		case errors.Is(err, stream.Conflict):
			if o.conflict(lived) {
				l.log.Warn("another process is connected as this component: waiting to take over", "err", err)
			}
		case lived > 0:
			o.lost(lived)
			l.log.Warn("connection lost: connecting again", "err", err, "dur", lived.Round(time.Millisecond))
		default:
			if advice := explain(err, l.item.Socket); o.failed(advice) {
				l.log.Warn("cannot connect: trying again", "err", err, "advice", advice)
			}
		}
	}
}

// explain says what an admin can do about a failed attempt with a socket.
func explain(err error, socket string) string {
	switch {
	case errors.Is(err, stream.HostUnknown):
		return "the server does not know this component's domain: add it there"
	case errors.Is(err, stream.Conflict):
		return "another process is connected as this component: stop it if that is not meant"
	case errors.Is(err, stream.NotAuthorized):
		return "the password of the item is not the server's secret for this domain, or the server (ejabberd) does not know the domain"
	case errors.Is(err, xmpp.ErrWrongSecret):
		return "the password of the item is not the server's secret for this domain (or the server was just stopping)"
	case errors.Is(err, errTLS):
		return "set the item's ca-file or fingerprint to the server's certificate, or its socket to plain if the port speaks no TLS"
	case errors.Is(err, xmpp.ErrNoStream) && socket != "ssl":
		return "this is no port for components, or one that speaks TLS from the first byte: then set the item's socket to ssl"
	}
	return "look whether the server runs and listens for components at this address"
}

// settled waits until the first connection has proved itself, so that a server
// that is just starting, or that takes one connection only, is not pressed.
func (l *link) settled(ctx context.Context) bool {
	for {
		l.mu.Lock()
		wait, since, changed := l.ext.pace.settle, time.Time{}, l.changed
		if len(l.live) > 0 {
			since = l.live[0].since
			wait -= time.Since(since)
		}
		l.mu.Unlock()
		switch {
		case since.IsZero():
			select {
			case <-changed:
			case <-ctx.Done():
				return false
			}
		case wait <= 0:
			return true
		case !sleep(ctx, wait):
			return false
		}
	}
}

// others reports whether a connection is up, and notes that the server takes
// no more.
func (l *link) others() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.single = l.single || len(l.live) > 0
	return len(l.live) > 0
}

// add puts a new connection into service and gives it the answers that were
// left over when others broke.
func (l *link) add(c *conn) {
	l.mu.Lock()
	l.live = append(l.live, c)
	l.connects++
	close(l.changed)
	l.changed = make(chan struct{})
	rest := l.leftover
	if l.leftover = nil; time.Since(l.leftAt) > answerTime {
		rest = nil // nobody waits for them any more
	}
	l.mu.Unlock()
	if len(rest) > 0 && !c.stream.TakeRaw(rest) {
		l.leave(rest)
	}
}

// remove takes a broken connection out of service. Answers that it did not
// write go out on another, or wait for the next.
func (l *link) remove(c *conn) {
	unsent := c.stream.Unsent()
	l.mu.Lock()
	for i, x := range l.live {
		if x == c {
			l.live = append(l.live[:i:i], l.live[i+1:]...)
			break
		}
	}
	live := l.live
	l.mu.Unlock()
	if len(unsent) == 0 {
		return
	}
	for _, x := range live {
		if x.stream.TakeRaw(unsent) {
			return
		}
	}
	l.leave(unsent)
}

// leave keeps answers for the next connection.
func (l *link) leave(answers []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leftover, l.leftAt = append(l.leftover, answers...), time.Now()
}

// failed notes why there is no stream, for those who ask for the state.
func (l *link) failed(err error) {
	if err == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failure, l.failedAt = err.Error(), time.Now()
}

// write writes a stanza on any connection that is up.
func (l *link) write(st xmpp.Stanza) bool {
	l.mu.Lock()
	live := l.live
	l.mu.Unlock()
	for _, c := range live {
		if c.stream.Take(st) {
			return true
		}
	}
	return false
}

// reply writes the answer to a request whose connection has broken, waiting for
// another one when there is none.
func (l *link) reply(j *job, st xmpp.Stanza) {
	ctx, cancel := context.WithDeadline(j.work, j.came.Add(answerTime))
	defer cancel()
	for {
		l.mu.Lock()
		changed := l.changed
		l.mu.Unlock()
		if l.write(st) {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			l.log.Warn("answer lost: no connection came back in time")
			return
		}
	}
}

func (l *link) state() Connection {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := Connection{Domain: l.item.Domain, Address: l.address, Live: len(l.live), Single: l.single, Connects: l.connects,
		TurnedAway: int(l.turned.Load()), Failure: l.failure, FailureAt: l.failedAt}
	if len(l.live) > 0 {
		c.Since = l.live[0].since
	}
	return c
}
