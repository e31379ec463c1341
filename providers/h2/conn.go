package h2

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	// assumedLimit is the number of streams of a server that names none.
	assumedLimit = 100
	// ownWindow is what a server may send of one answer, more than is kept, so
	// that no stream's window has to be given back.
	ownWindow = maxAnswer + 16<<10
	// connWindow is what it may send of all, given back in halves.
	connWindow = 1 << 20
	// maxList bounds an answer's headers, in bytes.
	maxList = 32 << 10
	// writeTimeout is how long a server may take nothing.
	writeTimeout = 5 * time.Second
	// lastStream is the last id that a connection has (RFC 9113 section 5.1.1).
	lastStream = math.MaxInt32
)

// errClosed is the end of a connection, or of a transport, by ourselves.
var errClosed = errors.New("the transport is closed")

// errUnanswered is why a connection gets no more requests on which one was not
// answered in time and nothing else was either.
var errUnanswered = errors.New("requests are not answered")

// errNotTaken ends a request on a connection that ended before the request was
// handed to it, or before the server looked at it.
var errNotTaken = errors.New("the connection had ended")

// conn is one connection.
type conn struct {
	pool   *pool
	net    net.Conn
	born   time.Time
	useful atomic.Bool // an answer has come
	framer *http2.Framer
	head   *head // of the reading goroutine

	// The pool's mu guards these.
	active   int  // requests that have a place
	counted  bool // its end has been looked at
	limit    int  // the server's
	leaving  bool // takes no more requests
	suspect  bool // a ping is not answered yet
	accepted bool // an answer was 200

	mu       sync.Mutex // guards the rest
	out      *bytes.Buffer
	spare    *bytes.Buffer
	queued   uint64        // bytes put into out since the beginning
	handed   uint64        // those of them given to the operating system
	flushing bool          // somebody writes, or is to write soon
	began    time.Time     // the last write
	due      *time.Timer   // of the next one
	patience time.Time     // until when a write may take
	writer   *http2.Framer // into out
	block    bytes.Buffer
	encoder  *hpack.Encoder
	blocks   []block // of requests' headers, as long as the encoder's table stays as it is
	streams  map[uint32]*call
	blocked  []*call // in order, those with a rest that no window takes
	nextID   uint32
	window   int64 // what the server takes of all
	initial  int64 // what it takes of a new stream
	maxFrame int
	owed     uint32      // what was read of our window and not given back
	heard    time.Time   // when an answer came last
	away     *GoAway     // the server has said that it ends the connection
	armed    time.Time   // until when the server may be silent
	pinged   time.Time   // when the ping was sent that is not answered; zero: none
	watched  *time.Timer // of [conn.overdue]; nil: it is not to run
	err      error       // why it has ended
}

// room is how many requests it takes at a time. The pool's mu is held.
func (c *conn) room(probation bool) int {
	if probation && !c.accepted {
		return min(1, c.limit)
	}
	return min(c.limit, c.pool.o.Streams)
}

// handshake dials, and waits for the server's settings: only they say how many
// requests it takes, and only then it is known to take the client's
// certificate (RFC 8446 section 4.4.2.4: the client is done before).
func (p *pool) handshake(ctx context.Context) (*conn, error) {
	nc, err := p.dial(ctx)
	if err != nil {
		return nil, err
	}
	c := newConn(p, nc)
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	err = c.greet()
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		closeNow(nc)
		return nil, fmt.Errorf("connect to %s: %w", p.name, err)
	}
	return c, nil
}

func newConn(p *pool, nc net.Conn) *conn {
	c := &conn{
		pool: p, net: nc, born: time.Now(), limit: assumedLimit,
		out: new(bytes.Buffer), spare: new(bytes.Buffer),
		streams: map[uint32]*call{}, nextID: 1, window: 65535, initial: 65535, maxFrame: 16384,
	}
	c.framer = http2.NewFramer(nil, bufio.NewReaderSize(patient{c}, 32<<10))
	c.framer.SetMaxReadFrameSize(16384)
	c.framer.SetReuseFrames()
	c.head = newHead()
	c.writer = http2.NewFramer(sink{c}, nil)
	c.encoder = hpack.NewEncoder(&c.block)
	return c
}

// greet sends our settings and reads the server's.
func (c *conn) greet() error {
	c.mu.Lock()
	c.out.WriteString(http2.ClientPreface)
	// Writing into memory does not fail.
	_ = c.writer.WriteSettings(
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: ownWindow},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: maxList})
	_ = c.writer.WriteWindowUpdate(0, connWindow-65535)
	c.pinged = time.Now() // what is not answered in time is no server
	c.mu.Unlock()
	c.flush()
	f, err := c.framer.ReadFrame()
	if err != nil {
		return c.cause(err)
	}
	s, ok := f.(*http2.SettingsFrame)
	if !ok || s.IsAck() {
		return errors.New("its first frame holds no settings")
	}
	return c.settings(s)
}

// cause is why the connection has ended: a write that failed comes first.
func (c *conn) cause(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	return err
}

// do sends a request and waits for its answer, which is then in k. The error is
// an [*Error].
func (c *conn) do(ctx context.Context, k *call) error {
	if ctx.Err() != nil {
		return notSent(ctx)
	}
	if err := c.submit(k); err != nil {
		return err
	}
	c.flush()
	select {
	case <-k.done:
		return k.err
	case <-ctx.Done():
	}
	if !c.abandon(k) {
		<-k.done
		return k.err
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		c.mu.Lock()
		unheard := c.unheard(k)
		c.mu.Unlock()
		if unheard {
			c.pool.retire(c, errUnanswered)
		}
	}
	return &Error{Written: true, Err: context.Cause(ctx)}
}

// abandon takes a call out that nobody waits for any more; false: its answer is
// there. What is in the buffer of it still leaves.
func (c *conn) abandon(k *call) bool {
	c.mu.Lock()
	if c.streams[k.id] != k {
		c.mu.Unlock()
		return false
	}
	c.take(k)
	_ = c.writer.WriteRSTStream(k.id, http2.ErrCodeCancel)
	c.flushSoon()
	c.mu.Unlock()
	return true
}

// take removes a call from the tables. c.mu is held.
func (c *conn) take(k *call) {
	delete(c.streams, k.id)
	if len(k.rest) > 0 {
		k.rest = nil
		for i, b := range c.blocked {
			if b == k {
				c.blocked = append(c.blocked[:i], c.blocked[i+1:]...)
				break
			}
		}
	}
}

// die ends the connection and the requests on it. Those that have not been
// handed to the operating system have not left.
func (c *conn) die(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	if c.away != nil {
		err = c.away
	}
	c.err = err
	orphans := c.streams
	c.streams, c.blocked = nil, nil
	c.unwatch()
	handed := c.handed
	c.mu.Unlock()
	c.pool.lost(c, err)
	if len(orphans) == 0 {
		c.net.Close()
	} else {
		closeNow(c.net)
	}
	for _, k := range orphans {
		if k.start >= handed && !errors.Is(err, errClosed) {
			k.finish(&Error{Err: fmt.Errorf("%w: %w", errNotTaken, err)})
			continue
		}
		k.finish(&Error{Written: k.start < handed, Err: err})
	}
}

// finish ends a call that has left the table.
func (k *call) finish(err error) {
	k.err = err
	k.done <- struct{}{}
}

// closeNow closes a connection without a word to the server, which may not be
// listening.
func closeNow(nc net.Conn) {
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = t.NetConn()
	}
	nc.Close()
}
