package ext

import (
	"crypto/rand"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// bounds say what backlog is too much. ejabberd ends a component for which more
// than 10,000 stanzas wait; the sockets' buffers hold some more.
type bounds struct {
	every  time.Duration // between load probes while no slot is free
	late   time.Duration // a load probe out for so long, or
	long   int64         // overtaken by so many stanzas, has requests turned away
	soon   time.Duration // until one is back within so long, or
	short  int64         // behind so few stanzas
	lost   time.Duration // a load probe out for so long does not come back
	silent time.Duration // between lines in the log
}

// A burst of 10,000 publishes is to be worked off, not turned away.
var defaultBounds = bounds{every: time.Second, late: 10 * time.Second, long: 12000, soon: time.Second, short: 1000, lost: 30 * time.Second, silent: time.Minute}

// backlog is what waits for a link in the server and in the sockets' buffers,
// which only a ping to ourselves can measure: it queues behind all of it.
// While no slot is free, a link sends such load probes. How long one is under way
// is the backlog's age, how many stanzas come before it the backlog's length.
type backlog struct {
	bounds bounds
	log    *slog.Logger
	read   atomic.Int64 // stanzas that came, over all of the link's connections
	turned atomic.Int64 // requests that were turned away for want of a slot

	mu       sync.Mutex
	out      []*loadProbe // under way, the oldest first: at most lost/every
	proven   bool         // load probes do come back: not where a balancer gives them to another process
	shedding bool         // requests that find no slot at once are turned away
	since    time.Time    // when that began
	told     time.Time    // when it was logged
	before   int64        // turned, when its end was logged
}

// loadProbe is a ping to ourselves that is under way.
type loadProbe struct {
	id   string
	by   *conn
	sent time.Time
	read int64 // the backlog's read when it was sent
}

const loadPrefix = "load-"

// full notes that no slot is free, and reports whether requests are to be turned
// away now, and which load probe is to be sent by c, if one is due.
func (b *backlog) full(c *conn, now time.Time) (shed bool, due *loadProbe) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.out) > 0 && now.Sub(b.out[0].sent) > b.bounds.lost {
		b.out, b.proven = nil, false
		b.end(now)
	}
	if len(b.out) == 0 || now.Sub(b.out[len(b.out)-1].sent) >= b.bounds.every {
		due = b.send(c, now)
	}
	age, length := b.atLeast(now)
	if !b.shedding && b.proven && (age > b.bounds.late || length > b.bounds.long) {
		b.begin(now, age, length)
	}
	return b.shedding, due
}

// atLeast is the age and the length that the backlog had when the oldest load
// probe was sent: it has these at least.
func (b *backlog) atLeast(now time.Time) (age time.Duration, length int64) {
	return now.Sub(b.out[0].sent), b.read.Load() - b.out[0].read
}

// send notes a load probe that is about to be sent.
func (b *backlog) send(c *conn, now time.Time) *loadProbe {
	p := &loadProbe{loadPrefix + rand.Text(), c, now, b.read.Load()}
	b.out = append(b.out, p)
	return p
}

// back notes a load probe that came back, and returns the next one to send while
// requests are turned away. Those sent before it are lost, or about to come: it
// tells more than they.
func (b *backlog) back(id string, now time.Time) (ours bool, due *loadProbe) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, p := range b.out {
		if p.id != id {
			continue
		}
		p.by.hear()
		b.proven = true
		b.out = b.out[i:]
		age, length := b.atLeast(now)
		b.out = b.out[1:]
		if age < b.bounds.soon || length < b.bounds.short {
			b.end(now)
		} else if b.shedding && len(b.out) == 0 {
			due = b.send(p.by, now)
		}
		return true, due
	}
	return false, nil
}

// forget drops the load probes of a connection that has ended, as its backlog has.
func (b *backlog) forget(c *conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var rest []*loadProbe
	for _, p := range b.out {
		if p.by != c {
			rest = append(rest, p)
		}
	}
	if b.out = rest; len(rest) == 0 {
		b.end(time.Now())
	}
}

// begin begins to turn requests away.
func (b *backlog) begin(now time.Time, age time.Duration, length int64) {
	b.shedding, b.since = true, now
	if now.Sub(b.told) >= b.bounds.silent {
		b.told = now
		b.log.Warn("more comes than can be pushed: what finds no free place is answered as a passing failure", "oldest", age.Round(time.Millisecond), "waiting", length)
	}
}

// end ends it, if it was so. What was logged as begun is logged as ended.
func (b *backlog) end(now time.Time) {
	if b.shedding && b.told.Equal(b.since) {
		turned := b.turned.Load()
		b.log.Info("the backlog is worked off", "turned-away", turned-b.before, "dur", now.Sub(b.since).Round(time.Millisecond))
		b.before = turned
	}
	b.shedding = false
}

// turnAway reports whether a request that found no slot is to be turned away at
// once, and measures the backlog.
func (l *link) turnAway(c *conn) bool {
	shed, due := l.backlog.full(c, time.Now())
	l.sound(due)
	return shed
}

// sounded takes what came if it is a load probe of ours, of whichever link to the
// domain.
func (l *link) sounded(id string) bool {
	if !strings.HasPrefix(id, loadPrefix) {
		return false
	}
	for _, x := range l.ext.inService() {
		if ours, due := x.backlog.back(id, time.Now()); ours {
			x.sound(due)
			return true
		}
	}
	return false
}

// sound sends a load probe, if there is one to send.
func (l *link) sound(p *loadProbe) {
	if p != nil {
		// A stream that does not take it is about to end, and the probe with it.
		_ = l.ping(p.by, p.id)
	}
}
