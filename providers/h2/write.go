package h2

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"golang.org/x/net/http2"
)

const (
	// largeBuffer is the size above which a buffer is not kept, in bytes.
	largeBuffer = 1 << 20
	// gather is how long after each other writes begin at least: requests that come
	// more often share a record, a system call, and often the server's answer.
	gather = 2 * time.Millisecond
	// crowd is from how many requests under way on that is done.
	crowd = 16
)

// errBadHeader refuses a request that cannot be written.
var errBadHeader = errors.New("a header's value holds control characters, or begins or ends with a blank")

// errUsedUp is why a connection gets no more requests that has had all it can.
var errUsedUp = errors.New("no stream is left on it")

// sink puts frames into the buffer of what is to be written.
type sink struct{ c *conn }

// Write implements io.Writer. c.mu is held.
func (s sink) Write(p []byte) (int, error) {
	s.c.queued += uint64(len(p))
	return s.c.out.Write(p)
}

// submit puts a request into the buffer.
func (c *conn) submit(k *call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.away != nil || c.nextID > lastStream {
		return &Error{Err: errNotTaken}
	}
	now := time.Now()
	if !k.until.IsZero() && !now.Before(k.until) {
		return &Error{Err: context.DeadlineExceeded}
	}
	if err := c.encode(k); err != nil {
		return &Error{Err: err}
	}
	k.id, k.start, k.sent = c.nextID, c.queued, now
	k.rest, k.window = k.body, c.initial
	k.begin()
	if c.nextID += 2; c.nextID > lastStream {
		c.pool.all.Go(func() { c.pool.retire(c, errUsedUp) })
	}
	c.streams[k.id] = k
	if !k.until.IsZero() {
		c.watch()
	}
	if len(c.streams) == 1 {
		c.arm() // the reader waits for an answer now
	}
	c.headers(k.id, len(k.rest) == 0)
	c.data(k)
	return nil
}

// headers writes the block as frames. c.mu is held.
func (c *conn) headers(id uint32, end bool) {
	block := c.block.Bytes()
	part := block[:min(len(block), c.maxFrame)]
	block = block[len(part):]
	_ = c.writer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: part, EndStream: end, EndHeaders: len(block) == 0})
	for len(block) > 0 {
		part = block[:min(len(block), c.maxFrame)]
		block = block[len(part):]
		_ = c.writer.WriteContinuation(id, len(block) == 0, part)
	}
}

// data writes what the windows allow of a request's body; the rest waits in
// c.blocked. c.mu is held.
func (c *conn) data(k *call) {
	for len(k.rest) > 0 {
		n := min(int64(len(k.rest)), int64(c.maxFrame), c.window, k.window)
		if n <= 0 {
			if !slices.Contains(c.blocked, k) {
				c.blocked = append(c.blocked, k)
			}
			return
		}
		_ = c.writer.WriteData(k.id, int(n) == len(k.rest), k.rest[:n])
		k.rest = k.rest[n:]
		c.window -= n
		k.window -= n
	}
}

// unblock goes on with bodies after a window has grown. c.mu is held.
func (c *conn) unblock() {
	waiting := c.blocked
	c.blocked = nil
	for i, k := range waiting {
		if c.window <= 0 {
			c.blocked = append(c.blocked, waiting[i:]...)
			return
		}
		c.data(k)
	}
}

// flush writes the buffer, soon when the last write was just now. Who finds nobody
// writing does it for all: the requests that are put down meanwhile go with them.
func (c *conn) flush() {
	c.mu.Lock()
	if c.flushing || c.err != nil || c.out.Len() == 0 {
		c.mu.Unlock()
		return
	}
	c.flushing = true
	wait := c.pause()
	if wait > 0 {
		c.writeIn(wait)
	}
	c.mu.Unlock()
	if wait <= 0 {
		// Whoever can run puts its request down first.
		runtime.Gosched()
		c.write()
	}
}

// flushNow is flush for the last words to a server.
func (c *conn) flushNow() {
	c.mu.Lock()
	if c.due != nil && c.due.Stop() {
		c.pool.all.Done()
		c.flushing = false
	}
	c.began = time.Time{}
	c.mu.Unlock()
	c.flush()
}

// flushSoon is flush for those who must not wait for a server that reads nothing:
// the reading goroutine, and who has run out of time. c.mu is held.
func (c *conn) flushSoon() {
	if !c.flushing && c.err == nil && c.out.Len() > 0 {
		c.flushing = true
		c.writeIn(c.pause())
	}
}

// pause is how long to wait before the next write. With few requests under way
// there is little to gather, and a server that takes few would be kept waiting.
// c.mu is held.
func (c *conn) pause() time.Duration {
	if len(c.streams) < crowd {
		return 0
	}
	return gather - time.Since(c.began)
}

// writeIn has a goroutine write after a while, at once if that is not above zero.
// c.mu is held, and c.flushing is set.
func (c *conn) writeIn(wait time.Duration) {
	c.pool.all.Add(1)
	c.due = time.AfterFunc(wait, func() {
		defer c.pool.all.Done()
		c.write()
	})
}

// write writes the buffer once. What has been put into it meanwhile is written in
// a while. c.flushing is set.
func (c *conn) write() {
	c.mu.Lock()
	if c.err != nil {
		c.flushing = false
		c.mu.Unlock()
		return
	}
	batch := c.out
	c.out, c.handed = c.spare, c.queued
	c.began = time.Now()
	var err error
	if until := c.began.Add(writeTimeout); until.Sub(c.patience) >= coarse {
		c.patience = until
		err = c.net.SetWriteDeadline(until)
	}
	c.mu.Unlock()
	if err == nil {
		_, err = c.net.Write(batch.Bytes())
	}
	if batch.Reset(); batch.Cap() > largeBuffer {
		batch = new(bytes.Buffer)
	}
	c.mu.Lock()
	c.spare = batch
	if c.flushing = err == nil && c.err == nil && c.out.Len() > 0; c.flushing {
		c.writeIn(c.pause())
	}
	c.mu.Unlock()
	if err != nil {
		c.die(err)
	}
}
