package repository

import (
	"context"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
)

// timed is a connection whose other end has a limited time for each answer, as
// MySQL's driver has it. PostgreSQL's wants a context that ends for each query,
// which costs a goroutine.
type timed struct {
	net.Conn
	limit time.Duration
}

// limitReads gives all connections of a configuration that limit.
func limitReads(cfg *pgx.ConnConfig, limit time.Duration) {
	dial := cfg.DialFunc
	cfg.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &timed{c, limit}, nil
	}
}

// Read implements [net.Conn].
func (c *timed) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

// Write implements [net.Conn].
func (c *timed) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}
