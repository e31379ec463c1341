package fcmxmpp

import (
	"context"
	"encoding/xml"
	"errors"
	"net"
	"sync"
	"time"

	"mellium.im/xmlstream"
	"mellium.im/xmpp"
)

const (
	writeTimeout = 10 * time.Second
	closeTimeout = 2 * time.Second
	// drainTime is how long a connection that the server is about to close is
	// kept for the answers that are due.
	drainTime = time.Minute
)

// link is one connection.
type link struct {
	pool    *pool
	conn    net.Conn
	session *xmpp.Session
	drained chan struct{} // closed when the server is about to close it
	once    sync.Once     // of drained
	ended   chan struct{} // closed when it has ended
	cause   error         // of that; set before

	// The pool's mutex guards these.
	waits   map[string]*waiting // by message id
	heard   time.Time           // when an answer came; zero: never
	retired bool
}

// serve reads until the connection or ctx ends.
func (l *link) serve(ctx context.Context) {
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		l.close()
	})
	l.cause = l.session.Serve(l)
	l.conn.Close()
	if !stop() {
		<-closed
	}
	if l.cause == nil {
		l.cause = errors.New("the server closed the stream")
	}
	l.pool.end(l)
	close(l.ended)
}

// HandleXMPP takes one stanza from the server. IQs are answered by the session.
func (l *link) HandleXMPP(t xmlstream.TokenReadEncoder, start *xml.StartElement) error {
	if start.Name.Local != "message" {
		return nil
	}
	u, err := parse(start, t)
	if err != nil || u == nil {
		return err
	}
	switch u.Type {
	case "ack", "nack":
		if u.Error == draining {
			l.drain()
		}
		if l.pool.answer(l, u) {
			l.close()
		}
	case "control":
		if u.Control == draining {
			l.drain()
		}
	case "", "receipt":
		// What a device sends is of no use here, and neither is a receipt. A
		// server without an answer would stop sending.
		_, err = xmlstream.Copy(t, wrap("", acknowledgement{To: u.From, ID: u.ID, Type: "ack"}))
	}
	return err
}

// drain makes way for another connection. This one ends when its answers are
// there, or in time: the server closes it, too.
func (l *link) drain() {
	l.once.Do(func() {
		busy := l.pool.retire(l)
		close(l.drained)
		if !busy {
			l.close()
			return
		}
		// A connection that takes no deadline is broken, and serve returns.
		_ = l.conn.SetReadDeadline(time.Now().Add(drainTime))
	})
}

// send writes a message. An error means that nobody knows what became of it,
// and that the connection is of no more use.
func (l *link) send(stanza xml.TokenReader) error {
	if err := l.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	// Not the caller's context: mellium would end a write with it amid a TLS
	// record, and the connection with that.
	return l.session.Send(context.Background(), stanza)
}

// close says goodbye and gives the server a moment to do so, too; then serve
// returns.
func (l *link) close() {
	// On errors the connection is broken, which is what serve then finds.
	_ = l.conn.SetDeadline(time.Now().Add(closeTimeout))
	_ = l.session.Close()
}
