package xmpp

import (
	"cmp"
	"errors"
	"net"
	"sync"
	"time"
)

const (
	// maxPending is how many bytes wait for a slow peer before writers block.
	maxPending   = 1 << 20
	writeTimeout = 30 * time.Second
	closeTimeout = 2 * time.Second
)

// errClosed is returned for a stanza that was not written because its stream
// is closed or broken.
var errClosed = errors.New("stream is closed")

// writer appends stanzas to a buffer. Who finds no flush running becomes the
// flusher and writes until the buffer is empty: many answers, one system call.
type writer struct {
	conn    net.Conn
	timeout time.Duration // of one write

	mu       sync.Mutex
	room     sync.Cond // waits on mu for a flush to end
	pending  []byte
	spare    []byte
	flushing bool
	gather   time.Duration // between the beginnings of two writes, in a crowd
	crowd    func() bool
	began    time.Time // the last one
	due      bool      // a timer is to flush
	closing  bool      // the last words are being written
	err      error
}

func newWriter(conn net.Conn) *writer {
	w := &writer{conn: conn, timeout: writeTimeout}
	w.room.L = &w.mu
	return w
}

// write appends what add appends and sees that it is flushed. While more than
// maxPending bytes wait, it blocks. An error means that the stream is broken;
// what others appended may be lost with it.
func (w *writer) write(add func([]byte) []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.open() {
		return cmp.Or(w.err, errClosed)
	}
	w.pending = add(w.pending)
	return w.flush()
}

// stanza writes a stanza, as write does, without a function to allocate. One that
// was taken is written, or among the unsent.
func (w *writer) stanza(st Stanza) (taken bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.open() {
		return false, cmp.Or(w.err, errClosed)
	}
	w.pending = st.Append(w.pending)
	return true, w.flush()
}

// open waits for room and reports whether more can be written. It is called
// with mu held.
func (w *writer) open() bool {
	for w.err == nil && len(w.pending) > maxPending {
		w.room.Wait()
	}
	return w.err == nil && !w.closing
}

// flush writes what is pending, now or when it is time for the next write. It is
// called with mu held.
func (w *writer) flush() error {
	if w.flushing || w.due {
		return nil
	}
	if wait := w.pause(); wait > 0 {
		w.flushIn(wait)
		return nil
	}
	return w.flushNow()
}

// pause is how long to wait before the next write. It is called with mu held.
func (w *writer) pause() time.Duration {
	if w.gather == 0 || !w.crowd() {
		return 0
	}
	return w.gather - time.Since(w.began)
}

// flushIn has a goroutine flush after a while. It is called with mu held.
func (w *writer) flushIn(wait time.Duration) {
	w.due = true
	time.AfterFunc(wait, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.due = false
		_ = w.flushNow() // who writes next learns of it
	})
}

// flushNow writes what is pending, unless somebody is at it, and sees to what
// comes meanwhile. It is called with mu held.
func (w *writer) flushNow() error {
	if w.flushing {
		return nil
	}
	w.flushing = true
	for len(w.pending) > 0 && w.err == nil {
		batch := w.pending
		w.pending, w.spare = w.spare[:0], nil // nobody else may use it again
		w.began = time.Now()
		// Still under the lock, so that it does not undo the shorter one of close.
		err := w.conn.SetWriteDeadline(w.began.Add(w.timeout))
		w.mu.Unlock()
		if err == nil {
			_, err = w.conn.Write(batch)
		}
		w.mu.Lock()
		if err != nil {
			w.pending = append(batch, w.pending...)
			w.err = err
		} else if cap(batch) <= maxPending {
			w.spare = batch
		}
		w.room.Broadcast()
		if wait := w.pause(); wait > 0 {
			if len(w.pending) > 0 && w.err == nil && !w.due {
				w.flushIn(wait)
			}
			break
		}
	}
	w.flushing = false
	w.room.Broadcast()
	return w.err
}

// close writes a last text, if the stream still works, and refuses all that
// comes later. It waits for a flush under way, but not long.
func (w *writer) close(last string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timeout, w.gather = closeTimeout, 0
	// A connection that takes no deadline fails at the write.
	_ = w.conn.SetWriteDeadline(time.Now().Add(closeTimeout))
	for w.flushing {
		w.room.Wait()
	}
	if w.err != nil {
		return
	}
	w.closing = true
	stanzas := len(w.pending)
	w.pending = append(w.pending, last...)
	if w.flushNow() != nil {
		// The last words are this stream's: written on another with the stanzas,
		// they would end that.
		w.pending = w.pending[:stanzas]
		return
	}
	w.err = errClosed
}

// unsent returns what was appended and not written in full: whole stanzas, of
// which the peer may have read the first. Nil while the stream works.
func (w *writer) unsent() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		return nil
	}
	return w.pending
}
