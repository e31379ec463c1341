package ext

import (
	"context"
	"runtime/debug"
	"strings"
	"time"

	"github.com/tpush/tpush/component/xmpp"
	"mellium.im/xmpp/stanza"
)

const (
	// answerTime is how long an answer is of use: ejabberd gives up after 32 s.
	answerTime = 32 * time.Second
	// workTime is how long a request may be worked on from when it was read, the
	// wait for a slot included. What is left of answerTime is for its outcome.
	workTime = 25 * time.Second
	// gather is how long after each other writes to a server begin at least while
	// so many requests as crowd are in work: nobody is to wait alone.
	gather = 2 * time.Millisecond
	crowd  = 16
)

// session opens one stream and serves it until it ends. It returns how long the
// stream lived, 0 when it never was, and why it ended.
func (l *link) session(ctx, work context.Context, o *outage) (lived time.Duration, err error) {
	tcp, err := l.dialer.dial(ctx, l.address)
	if err != nil {
		return 0, err
	}
	s, err := xmpp.Connect(ctx, tcp, l.item.Domain, l.item.Password)
	if err != nil {
		return 0, err
	}
	return l.serve(ctx, work, s, o)
}

// serve takes requests from a stream until that ends, or ctx.
func (l *link) serve(ctx, work context.Context, s *xmpp.Stream, o *outage) (lived time.Duration, err error) {
	defer s.Close()
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	s.Gather(gather, func() bool { return l.ext.backlog.work() >= crowd })
	c := &conn{stream: s, since: time.Now()}
	c.alive()
	l.add(c)
	l.log.Info("connected")
	watch, cancel := context.WithCancel(ctx)
	ended, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		l.watch(watch, c, o)
		select {
		case <-l.drained:
			s.StopReading()
		case <-ended:
		}
	}()
	err = l.read(work, c)
	cancel()
	close(ended)
	<-watched
	s.Close()
	l.remove(c)
	return time.Since(c.since), err
}

// hear notes that something came, and returns when that is: now.
func (c *conn) hear() time.Time {
	c.heard.Store(true)
	return c.alive()
}

func (c *conn) alive() time.Time {
	now := time.Now()
	c.seen.Store(now.UnixNano())
	return now
}

func (c *conn) silent() time.Duration { return time.Since(time.Unix(0, c.seen.Load())) }

// read takes stanzas until the stream ends. Only requests are answered:
// presence, messages, answers and errors never are.
func (l *link) read(work context.Context, c *conn) error {
	works := shift{work: work}
	for {
		el, err := c.stream.Read()
		if err != nil {
			return err
		}
		came := c.hear()
		q := el.IQ()
		if q == nil || l.ext.probes.back(q.ID) || q.Answer() || q.From == "" {
			// Without from: Tigase's bind requests before the handshake's end.
			continue
		}
		if q.To == "" {
			q.To = l.item.Domain // an answer without from ends the stream at some servers
		}
		if el.TooLarge {
			// Type wait and a condition that no server drops a registration for.
			c.stream.Write(q.Fail(xmpp.NewError(stanza.Wait, stanza.BadRequest, "the stanza is too large")))
			continue
		}
		if !q.Request() {
			// RFC 6120 section 8.2.3: any other type is answered like this.
			c.stream.Write(q.Fail(xmpp.NewError(stanza.Modify, stanza.BadRequest, "the type of an iq is get, set, result or error")))
			continue
		}
		l.begin(job{l, work, works.at(came), came, c, q})
	}
}

// begin has a request worked on when a slot is free for it.
func (l *link) begin(j job) {
	if !l.admit() {
		// An answer that a broken connection cannot take is of no more use than none.
		_ = j.from.stream.Write(j.q.Fail(xmpp.NewError(stanza.Wait, stanza.InternalServerError, "the component is stopping")))
		return
	}
	switch l.ext.backlog.enter(j) {
	case starts:
		l.workers.do(j)
	case turnedAway:
		l.turnAway(j)
		l.workers.under.Done()
	}
}

// turnAway answers a request that is not worked on.
func (l *link) turnAway(j job) {
	l.turned.Add(1)
	// An answer that a broken connection cannot take is of no more use than none.
	_ = j.from.stream.Write(j.q.Fail(xmpp.NewError(stanza.Wait, stanza.InternalServerError, "too many requests at once")))
}

func (l *link) handle(j *job) {
	answer := l.answer(j.ctx, j.q)
	l.ext.beginNext()
	if !j.from.stream.Take(answer) {
		l.reply(j, answer)
	}
	j.q.Free()
}

// beginNext begins the request that has waited longest.
func (e *Ext) beginNext() {
	if next, ok := e.backlog.leave(); ok {
		next.link.workers.do(next)
	}
}

// answer calls the handler; a panic there costs one request only.
func (l *link) answer(ctx context.Context, q *xmpp.IQ) (answer *xmpp.IQ) {
	defer func() {
		if p := recover(); p != nil {
			l.log.Error("a request made the component fail: please report this", "stanza", q.Name.Local, "panic", p, "stack", string(debug.Stack()))
			answer = q.Fail(xmpp.NewError(stanza.Wait, stanza.InternalServerError, ""))
		}
	}()
	return l.handler.HandleIQ(ctx, q)
}

// domainOf returns the domain part of an address, in lower case.
func domainOf(address string) string {
	address, _, _ = strings.Cut(address, "/")
	if _, domain, ok := strings.Cut(address, "@"); ok {
		address = domain
	}
	return strings.ToLower(address)
}
