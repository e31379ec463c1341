package repository

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	maxTries = 8
	// triesTime is how long what failed once is tried again, and how long one
	// waits for a connection.
	triesTime = 10 * time.Second
)

// transact runs a transaction, again when the database chose it as the victim
// of a deadlock or the connection died. What it does must bear to be done
// twice: the commit of the first try may have arrived.
func (ds *DataSource) transact(ctx context.Context, do func(context.Context, session) error) error {
	defer ds.changes.Add(1)
	return ds.again(ctx, func(ctx context.Context) error {
		tx, err := ds.write.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if err := do(ctx, session{tx, ds.dialect}); err != nil {
			// The error that counts is the one that made it necessary.
			_ = tx.Rollback()
			return err
		}
		return tx.Commit()
	})
}

// again repeats what failed for a passing reason, after growing pauses, until
// ctx ends: a lock's deadlock several times, a dead connection twice, on
// another host where there are several. The first try has a context that never
// ends, which spares a goroutine for each query: it is bounded by the limits of
// the connection (to connect, and to answer), unless ctx ends about as soon.
func (ds *DataSource) again(ctx context.Context, do func(context.Context) error) error {
	if err := ds.enter(ctx); err != nil {
		return err
	}
	defer ds.leave()
	lost := 0
	limited := context.WithoutCancel(ctx)
	if end, ok := ctx.Deadline(); ds.engine == sqliteEngine || ok && time.Until(end) < 2*ds.queryTime() {
		limited = ctx // nothing else bounds the wait for the one that writes to a file
	}
	cancel := context.CancelFunc(nil)
	for tries := 1; ; tries++ {
		err := do(limited)
		if err == nil || tries == maxTries || ctx.Err() != nil {
			return err
		}
		if cancel == nil {
			ctx, cancel = context.WithTimeout(ctx, triesTime)
			defer cancel()
		}
		if disconnected(err) {
			lost++
		}
		if lost > 2 || !disconnected(err) && !deadlock(err) {
			return err
		}
		limited = ctx
		select {
		case <-ctx.Done():
			return err
		case <-time.After(rand.N(time.Duration(tries) * 20 * time.Millisecond)):
		}
	}
}

// enter waits for one of the connections, so that nobody waits for one with a
// context that never ends.
func (ds *DataSource) enter(ctx context.Context) error {
	select {
	case ds.places <- struct{}{}:
		return nil
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, triesTime)
	defer cancel()
	select {
	case ds.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("all connections to the database are in use: %w", ctx.Err())
	}
}

func (ds *DataSource) leave() { <-ds.places }

// code is the number or SQLSTATE of a server's answer.
func code(err error) (number uint16, state string) {
	var my *mysql.MySQLError
	if errors.As(err, &my) {
		return my.Number, ""
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return 0, pg.Code
	}
	return 0, ""
}

// deadlock reports whether a transaction was a deadlock's victim, waited too
// long for a lock, or could not be serialized. Galera says so at the commit,
// too.
func deadlock(err error) bool {
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code()&0xff == sqlite3.SQLITE_BUSY
	}
	number, state := code(err)
	return number == 1213 || number == 1205 || state == "40001" || state == "40P01"
}

// duplicate reports whether a key is there already.
func duplicate(err error) bool {
	number, state := code(err)
	return number == 1062 || state == "23505"
}

// there reports whether MySQL refused to create what is there already.
func there(err error) bool {
	number, _ := code(err)
	return number == 1050 || number == 1304 // table, routine
}

// disconnected reports whether the connection is dead or the server does not
// serve at the moment: it stops, starts, or is cut off from its cluster.
func disconnected(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	number, state := code(err)
	switch {
	case number == 1053 || number == 1047 || number == 1927: // shutdown, WSREP not ready, killed
		return true
	case len(state) == 5 && (state[:2] == "08" || state == "57P01" || state == "57P02" || state == "57P03"):
		return true
	}
	var op *net.OpError
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.As(err, &op)
}
