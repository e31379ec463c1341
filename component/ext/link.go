package ext

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tpush/tpush/component/xmpp"
	"mellium.im/xmpp/stream"
)

// pace holds the times of reconnecting and probing.
type pace struct {
	settle   time.Duration // how long a first connection lives before a second is tried
	lived    time.Duration // a stream that lived so long is reconnected at once
	pause    time.Duration // after the first failure
	maxPause time.Duration
	conflict time.Duration // after another instance took the connection over
	probe    time.Duration // between probes of a silent stream
	silence  time.Duration // a stream silent for so long is given up
}

var defaultPace = pace{
	settle: 30 * time.Second, lived: time.Second, pause: time.Second, maxPause: time.Minute,
	conflict: time.Minute, probe: 45 * time.Second, silence: 75 * time.Second,
}

// after returns the pause before the next attempt, spread so that instances
// and connections never act in step.
func (p *pace) after(fails int) time.Duration {
	if fails == 0 {
		return 0
	}
	d := min(p.pause<<min(fails-1, 10), p.maxPause/2)
	return d + rand.N(d)
}

// link keeps the connections to one address for one domain.
type link struct {
	ext     *Ext
	item    Item
	address string
	dialer  *dialer
	want    int // connections
	log     *slog.Logger

	mu       sync.Mutex
	live     []*conn
	changed  chan struct{} // closed and replaced when a connection comes
	single   bool
	leftover []byte // answers that no stream could write yet
}

// conn is one established stream.
type conn struct {
	stream *xmpp.Stream
	since  time.Time
	seen   atomic.Int64 // Unix nanoseconds of the last sign of life
}

func newLink(e *Ext, it Item, address string, d *dialer, want int) *link {
	return &link{ext: e, item: it, address: address, dialer: d, want: want,
		log: e.log.With("server", address, "domain", it.Domain), changed: make(chan struct{})}
}

func (l *link) run(ctx, work context.Context) {
	var all sync.WaitGroup
	for n := range l.want {
		all.Go(func() { l.keep(ctx, work, n) })
	}
	all.Wait()
}

// keep keeps one connection until ctx ends, or until it turns out that the
// server takes only one and another has it.
func (l *link) keep(ctx, work context.Context, n int) {
	if n > 0 && !l.settled(ctx) {
		return
	}
	failure := ""
	for fails := 0; sleep(ctx, l.ext.pace.after(fails)); {
		lived, err := l.session(ctx, work)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, stream.Conflict) && l.others():
			l.log.Info("the server takes one connection per domain", "err", err)
			return
		case errors.Is(err, stream.Conflict):
			l.log.Warn("another process is connected as this component: waiting before the next attempt", "err", err)
			if !sleep(ctx, l.ext.pace.conflict+l.ext.pace.after(1)) {
				return
			}
			fails = 1
			continue
		case lived >= l.ext.pace.lived:
			fails, failure = 0, ""
			l.log.Warn("connection lost: connecting again", "err", err)
			continue
		}
		fails++
		if msg := explain(err); msg != failure {
			failure = msg
			l.log.Warn("cannot connect: trying again", "err", err, "advice", msg)
		}
	}
}

// explain says what an admin can do about a failed attempt.
func explain(err error) string {
	switch {
	case errors.Is(err, stream.HostUnknown):
		return "the server does not know this component's domain: add it there"
	case errors.Is(err, stream.NotAuthorized):
		return "the password of the item is not the server's secret for this domain, or the server (ejabberd) does not know the domain"
	case errors.Is(err, xmpp.ErrWrongSecret):
		return "the password of the item is not the server's secret for this domain"
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
	close(l.changed)
	l.changed = make(chan struct{})
	rest := l.leftover
	l.leftover = nil
	l.mu.Unlock()
	if len(rest) > 0 {
		// A stream that breaks here has them in its own Unsent.
		_ = c.stream.WriteRaw(rest)
	}
}

// remove takes a broken connection out of service. Answers that it did not
// write go out on another, or wait for the next.
func (l *link) remove(c *conn) {
	unsent := c.stream.Unsent()
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, x := range l.live {
		if x == c {
			l.live = append(l.live[:i:i], l.live[i+1:]...)
			break
		}
	}
	if len(unsent) > 0 {
		l.leftover = append(l.leftover, unsent...)
	}
}

// write writes a stanza on the preferred connection if that is up, else on any.
func (l *link) write(st xmpp.Stanza, preferred *conn) bool {
	if preferred != nil && preferred.stream.Write(st) == nil {
		return true
	}
	l.mu.Lock()
	live := l.live
	l.mu.Unlock()
	for _, c := range live {
		if c != preferred && c.stream.Write(st) == nil {
			return true
		}
	}
	return false
}

// reply writes an answer, waiting for a connection when there is none.
func (l *link) reply(ctx context.Context, st xmpp.Stanza, c *conn) {
	for {
		l.mu.Lock()
		changed := l.changed
		l.mu.Unlock()
		if l.write(st, c) {
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
	c := Connection{Domain: l.item.Domain, Address: l.address, Live: len(l.live), Single: l.single}
	if len(l.live) > 0 {
		c.Since = l.live[0].since
	}
	return c
}

// sleep waits; false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
