package h2

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// firstPause is before the second attempt to connect; it doubles. Apple
	// takes rapid connecting for an attack.
	firstPause   = 200 * time.Millisecond
	longestPause = 30 * time.Second
	// young is the age before which the end of a connection counts as a failure
	// to connect, even if it was of use.
	young = time.Second
	// useless is the same for one that was of no use.
	useless = 10 * time.Second
	// worthWaiting is how far the next attempt may be for a request to wait.
	worthWaiting = 2 * time.Second
)

// redial opens the connections that are missing, in one goroutine, one after
// the other. p.mu is held.
func (p *pool) redial() {
	if !p.under && p.missing() {
		p.under = true
		p.all.Go(p.connect)
	}
}

// missing reports whether one more connection is wanted. After a failure it is
// one until that has been of use. p.mu is held.
func (p *pool) missing() bool {
	wanted := p.o.Connections
	if p.failures > 0 {
		wanted = 1
	}
	return !p.closed && (p.keep || p.waiting.Len() > 0) && p.usable() < wanted
}

// hopeless is the error for a request that need not wait: there is no
// connection, and none will be tried soon. p.mu is held.
func (p *pool) hopeless() error {
	if p.closed {
		return errClosed
	}
	if wait := time.Until(p.next); p.failures > 0 && p.usable() == 0 && wait > worthWaiting {
		return fmt.Errorf("%w (next attempt in %s)", p.last, wait.Round(time.Second))
	}
	return nil
}

// connect opens connections while some are missing.
func (p *pool) connect() {
	for {
		p.mu.Lock()
		if p.under = p.missing(); !p.under {
			p.mu.Unlock()
			return
		}
		wait := time.Until(p.next)
		p.mu.Unlock()
		if wait > 0 && !sleep(p.ctx, wait) {
			continue
		}
		c, err := p.handshake(p.ctx)
		p.mu.Lock()
		switch {
		case p.closed:
			p.mu.Unlock()
			if err == nil {
				c.die(errClosed)
			}
			continue
		case err != nil:
			p.setback(err)
		default:
			p.conns = append(p.conns, c)
			p.o.Log.Info("connected", "server", p.name, "streams", c.limit, "connections", p.usable())
			p.all.Go(c.read)
			p.hand()
		}
		p.mu.Unlock()
	}
}

// setback notes that connecting failed. Without any connection nobody waits for
// the next attempt. p.mu is held.
func (p *pool) setback(err error) {
	pause := min(firstPause<<min(p.failures, 10), longestPause)
	p.failures++
	p.last = err
	p.next = time.Now().Add(pause/2 + rand.N(pause/2+1))
	if p.usable() == 0 {
		p.turnAway(err)
	}
	if p.failures == 1 && p.ctx.Err() == nil {
		p.o.Log.Warn("no connection: trying again with growing pauses", "server", p.name, "err", err)
	}
}

// lost takes a connection out that has ended.
func (p *pool) lost(c *conn, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.leaving = true
	p.drop(c)
	p.judge(c, err)
}

// judge looks at why a connection takes no more requests, once: one that ended
// soon and was of no use is a failure to connect. p.mu is held.
func (p *pool) judge(c *conn, err error) {
	if c.counted || errors.Is(err, errClosed) {
		return
	}
	c.counted = true
	age := time.Since(c.born)
	p.o.Log.Info("connection ended", "server", p.name, "dur", age.Round(time.Millisecond), "err", err)
	switch {
	case age < useless && !c.useful.Load():
		p.setback(err)
		return
	case age < young:
		p.next = time.Now().Add(firstPause/2 + rand.N(firstPause/2))
	}
	p.failures = 0
}

// sleep waits; false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
