package repository

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// timed is a connection whose other end has a limited time for each answer, as
// MySQL's driver has it. PostgreSQL's wants a context that ends for each query,
// which costs a goroutine.
type timed struct {
	net.Conn
	limit time.Duration
	set   atomic.Bool // the driver has set a deadline: a query is cancelled
}

// limitReads gives all connections of a configuration that limit.
func limitReads(cfg *pgx.ConnConfig, limit time.Duration) {
	dial := cfg.DialFunc
	cfg.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &timed{Conn: c, limit: limit}, nil
	}
}

// SetDeadline implements [net.Conn].
func (c *timed) SetDeadline(t time.Time) error {
	c.set.Store(!t.IsZero())
	return c.Conn.SetDeadline(t)
}

// Read implements [net.Conn].
func (c *timed) Read(b []byte) (int, error) {
	if err := c.extend(); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

// Write implements [net.Conn].
func (c *timed) Write(b []byte) (int, error) {
	if err := c.extend(); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (c *timed) extend() error {
	if c.set.Load() {
		return nil
	}
	return c.Conn.SetDeadline(time.Now().Add(c.limit))
}

const (
	// idleTime is how long a connection may have been idle to be used unasked.
	idleTime = time.Second
	// pingTime is how long one that was idle longer may take to answer. Asked by the
	// driver, each has the time of a query, one after the other.
	pingTime = 2 * time.Second
)

// dead reports whether a connection that was idle answers no more; the driver
// then drops it.
func dead(ctx context.Context, p stdlib.ShouldPingParams) bool {
	if p.IdleDuration < idleTime {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	return p.Conn.PgConn().Ping(ctx) != nil
}
