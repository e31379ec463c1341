package fcmxmpp

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tpush/tpush/providers"
)

// window is how many messages a connection may have without an answer (Google,
// "flow control").
const window = 100

// pool is the connections that messages can go over, and the messages on each
// that wait for their answers.
type pool struct {
	mu      sync.Mutex
	links   []*link
	cause   *providers.Error // why there is none; nil: one is on its way
	changed chan struct{}    // closed and replaced when there is more room
}

// waiting is a message that waits for its answer.
type waiting struct {
	device string
	sent   time.Time
	done   chan *providers.Error // holds one; nil: accepted
}

func newPool() *pool { return &pool{changed: make(chan struct{})} }

// take finds the connection with the fewest messages and puts one more on it.
// It waits while all are full or the first is being made; when none can be made,
// the error says why.
func (p *pool) take(ctx context.Context, id, device string) (*link, *waiting, error) {
	for {
		p.mu.Lock()
		changed := p.changed
		if l := p.emptiest(); l != nil {
			w := l.put(id, device)
			p.mu.Unlock()
			return l, w, nil
		}
		if len(p.links) == 0 && p.cause != nil {
			defer p.mu.Unlock()
			return nil, nil, p.cause
		}
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, nil, &providers.Error{Kind: providers.Temporary, Reason: "busy", Err: fmt.Errorf("wait for a connection with room: %w", ctx.Err())}
		}
	}
}

// emptiest returns the connection with the most room, nil when all are full.
func (p *pool) emptiest() (best *link) {
	for _, l := range p.links {
		if len(l.waits) < window && (best == nil || len(l.waits) < len(best.waits)) {
			best = l
		}
	}
	return best
}

// put notes a message. One that waits under the same id is a former attempt of
// the same push, whose caller has gone.
func (l *link) put(id, device string) *waiting {
	w := &waiting{device: device, sent: time.Now(), done: make(chan *providers.Error, 1)}
	if former := l.waits[id]; former != nil {
		former.done <- &providers.Error{Kind: providers.Unknown, Reason: "sent again"}
	}
	l.waits[id] = w
	return w
}

// add takes a connection into use.
func (p *pool) add(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.links, p.cause = append(p.links, l), nil
	p.wake()
}

// retire sends nothing more over a connection. What waits on it gets its answers
// still; it is reported whether anything does.
func (p *pool) retire(l *link) (busy bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.links = slices.DeleteFunc(p.links, func(x *link) bool { return x == l })
	l.retired = true
	return len(l.waits) > 0
}

// fail tells those who wait for a connection why there is none. News is reported
// the first time after one could be made.
func (p *pool) fail(cause *providers.Error) (news bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	news = p.cause == nil
	p.cause = cause
	p.wake()
	return news
}

// end takes a connection that has ended out of use. Nobody knows what became of
// the messages on it.
func (p *pool) end(l *link) {
	p.retire(l)
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, w := range l.waits {
		w.done <- &providers.Error{Kind: providers.Unknown, Reason: "connection lost", Err: l.cause}
		delete(l.waits, id)
	}
}

// answer hands a message's answer to its caller. Idle is reported for a retired
// connection that has nothing more to wait for.
func (p *pool) answer(l *link, u *upstream) (idle bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.heard = time.Now()
	if w := l.waits[u.ID]; w != nil {
		var err *providers.Error
		if u.Type != "ack" {
			err = classify(u, w.device)
		}
		w.done <- err
		delete(l.waits, u.ID)
		p.wake()
	}
	return l.retired && len(l.waits) == 0
}

// suspect reports whether a connection is of no more use: it has said nothing
// since a message was sent over it, or the answers to half of what it may carry
// are overdue.
func (p *pool) suspect(l *link, w *waiting, limit time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	overdue := 0
	for _, w := range l.waits {
		if time.Since(w.sent) >= limit {
			overdue++
		}
	}
	return l.heard.Before(w.sent) || overdue >= window/2
}

// used reports whether a connection has ever answered a message.
func (p *pool) used(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !l.heard.IsZero()
}

func (p *pool) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}
