package repository

import (
	"database/sql/driver"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
)

// TestIdleConnection: a connection that was idle and whose server hangs does not
// take the time of a query before another is tried.
func TestIdleConnection(t *testing.T) {
	ds := openSource(t, startServer(t, "postgresql").uri())
	c, err := ds.read.Conn(t.Context())
	ok(t, err)
	defer c.Close()
	_ = c.Raw(func(conn any) error {
		c := conn.(*stdlib.Conn)
		backend := int(c.Conn().PgConn().PID())
		ok(t, syscall.Kill(backend, syscall.SIGSTOP))
		began := time.Now()
		if err := c.ResetSession(t.Context()); !errors.Is(err, driver.ErrBadConn) { // new, it counts as idle
			t.Errorf("it is used: %v", err)
		}
		if took := time.Since(began); took > ds.queryTime()/2 {
			t.Errorf("it took %v to find out", took)
		}
		ok(t, syscall.Kill(backend, syscall.SIGCONT))
		if !c.Conn().IsClosed() {
			t.Error("it is kept")
		}
		return nil
	})
}
