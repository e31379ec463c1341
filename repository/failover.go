package repository

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
)

// failover connects to the first host of a list that takes a connection, to
// begin with the one that did the last time. PostgreSQL's driver does so
// itself.
type failover struct {
	hosts  []driver.Connector
	next   atomic.Int32
	spread bool // begin at another host each time
}

func newFailover(l *location, seconds int) (*failover, error) {
	f := &failover{spread: l.spread}
	for _, host := range l.hosts {
		cfg := l.mysql.Clone()
		cfg.Addr = host
		if cfg.TLS != nil && cfg.TLS.ServerName == "" && !cfg.TLS.InsecureSkipVerify {
			cfg.TLS.ServerName = hostOf(host)
		}
		if seconds > 0 && cfg.Timeout > time.Duration(seconds)*time.Second {
			cfg.Timeout = time.Duration(seconds) * time.Second
		}
		// A host that does not answer must not use up the time of the others.
		cfg.Timeout /= time.Duration(min(3, len(l.hosts)))
		connector, err := mysql.NewConnector(cfg)
		if err != nil {
			return nil, err
		}
		f.hosts = append(f.hosts, connector)
	}
	return f, nil
}

func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}

// Connect implements [driver.Connector].
func (f *failover) Connect(ctx context.Context) (driver.Conn, error) {
	first := int(f.next.Load())
	if f.spread {
		first = int(f.next.Add(1))
	}
	var errs []error
	for i := range f.hosts {
		at := (first + i) % len(f.hosts)
		c, err := f.hosts[at].Connect(ctx)
		if err == nil && len(f.hosts) > 1 {
			err = writable(ctx, c)
		}
		if err == nil {
			if !f.spread {
				f.next.Store(int32(at))
			}
			return c, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

var errReadOnly = errors.New("the server is read-only")

// writable refuses a replica: among several hosts there is one to write to.
func writable(ctx context.Context, c driver.Conn) error {
	rows, err := c.(driver.QueryerContext).QueryContext(ctx, "SELECT @@global.read_only", nil)
	if err == nil {
		value := make([]driver.Value, 1)
		err = rows.Next(value)
		if closeErr := rows.Close(); err == nil {
			err = closeErr
		}
		if n, ok := value[0].(int64); err == nil && ok && n != 0 {
			err = errReadOnly
		}
	}
	if err != nil {
		err = errors.Join(err, c.Close())
	}
	return err
}

// Driver implements [driver.Connector].
func (f *failover) Driver() driver.Driver { return f.hosts[0].Driver() }
