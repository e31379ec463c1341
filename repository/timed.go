package repository

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
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
