package h2

import (
	"errors"
	"net"
	"time"
)

const (
	// busySilence is how long a server may say nothing while requests wait for
	// their answers, before it is asked whether the connection works.
	busySilence = 3 * time.Second
	// pingTimeout is how long the answer to that may take.
	pingTimeout = 5 * time.Second
	// longUnanswered is how long a request waits at least before its connection
	// is thought to be of no use although it answers pings.
	longUnanswered = 5 * time.Second
	// coarse is how exact times of silence are.
	coarse = 250 * time.Millisecond
)

// errSilent ends a connection whose server does not answer a ping.
var errSilent = errors.New("the server answers no ping")

// patient is what the frames are read from: silence is none of their business.
type patient struct{ c *conn }

// Read implements io.Reader.
func (r patient) Read(p []byte) (int, error) {
	for {
		r.c.listen()
		n, err := r.c.net.Read(p)
		var timeout net.Error
		if n == 0 && errors.As(err, &timeout) && timeout.Timeout() {
			if err := r.c.silence(); err != nil {
				return 0, err
			}
			continue
		}
		r.c.noise()
		return n, err
	}
}

// listen sets the time until which the server may be silent.
func (c *conn) listen() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.arm()
}

// arm is listen for those who hold c.mu. A little more or less does not matter,
// and a system's timer costs.
func (c *conn) arm() {
	now := time.Now()
	until := now.Add(c.pool.o.Ping)
	switch {
	case !c.pinged.IsZero():
		until = c.pinged.Add(pingTimeout)
	case len(c.streams) > 0:
		until = now.Add(busySilence)
	}
	if d := until.Sub(c.armed); d < 0 || d >= coarse || !c.pinged.IsZero() {
		c.armed = until
		// A closed connection fails at the next read.
		_ = c.net.SetReadDeadline(until)
	}
}

// silence asks the server for a sign of life. Until it comes the connection
// gets no request. The error means that it has not come.
func (c *conn) silence() error {
	c.mu.Lock()
	waited := !c.pinged.IsZero()
	expired := waited && time.Since(c.pinged) >= pingTimeout
	if !waited {
		c.pinged = time.Now()
		_ = c.writer.WritePing(false, [8]byte{'t', 'p', 'u', 's', 'h'})
		c.flushSoon()
	}
	c.mu.Unlock()
	if expired {
		return errSilent
	}
	if !waited {
		c.pool.change(func() { c.suspect = true })
	}
	return nil
}

// noise notes that the server has said something.
func (c *conn) noise() {
	c.mu.Lock()
	waited := !c.pinged.IsZero()
	c.pinged = time.Time{}
	c.mu.Unlock()
	if waited {
		c.pool.change(func() { c.suspect = false })
	}
}

// unheard reports whether nothing was answered since a call was sent, long ago.
// c.mu is held.
func (c *conn) unheard(k *call) bool {
	return time.Since(k.sent) >= longUnanswered && c.heard.Before(k.sent)
}
