package h2

import (
	"context"
	"time"

	"golang.org/x/net/http2"
)

// bound returns a context that ends with ctx, or at a time that is not zero.
func bound(ctx context.Context, until time.Time) (context.Context, context.CancelFunc) {
	if until.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, until)
}

// watch has somebody look after the calls that have a time to be over by. One
// timer for a connection is cheaper than a context for each call. c.mu is held.
func (c *conn) watch() {
	if c.watched != nil || c.err != nil {
		return
	}
	c.pool.all.Add(1)
	c.watched = time.AfterFunc(coarse, c.overdue)
}

// unwatch ends that. c.mu is held.
func (c *conn) unwatch() {
	if c.watched != nil && c.watched.Stop() {
		c.watched = nil
		c.pool.all.Done()
	}
}

// overdue ends the calls whose time is over, and looks again while there are
// others.
func (c *conn) overdue() {
	defer c.pool.all.Done()
	now, unheard := time.Now(), false
	c.mu.Lock()
	for _, k := range c.streams {
		if k.until.IsZero() || now.Before(k.until) {
			continue
		}
		unheard = unheard || c.unheard(k)
		c.take(k)
		_ = c.writer.WriteRSTStream(k.id, http2.ErrCodeCancel)
		k.finish(&Error{Written: true, Err: context.DeadlineExceeded})
	}
	c.flushSoon()
	if c.watched = nil; len(c.streams) > 0 {
		c.watch()
	}
	c.mu.Unlock()
	if unheard {
		c.pool.retire(c, errUnanswered)
	}
}
