package repository

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Register stores a device and returns it as stored. The same device keeps its
// node, and its second token is replaced, also by none; a new one gets newNode.
// Programs that register the same device at once all get the same row.
func (r *Devices) Register(ctx context.Context, k Key, second, newNode string) (Device, error) {
	d, err := r.Find(ctx, k)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Device{}, err
	}
	found := err == nil
	if !found {
		d = Device{Service: k.Service, Account: k.Account, Node: newNode, Provider: k.Providers[0], Token: k.Token}
	}
	d.SecondToken = second
	d.Registered = time.Now().UTC().Truncate(time.Millisecond)
	err = r.transact(ctx, func(tx *sql.Tx) error { return r.register(ctx, tx, &d) })
	if err != nil {
		return Device{}, fmt.Errorf("store device: %w", err)
	}
	return d, nil
}

// register writes the rows of a device and learns the node of a row that
// somebody else wrote meanwhile.
func (r *Devices) register(ctx context.Context, tx *sql.Tx, d *Device) error {
	upsert := " ON CONFLICT (service_jid_sha1, user_jid_sha1, provider, device_id_sha1) DO UPDATE SET updated_at = unixepoch()"
	if r.ds.loc.engine == mysqlEngine {
		upsert = " ON DUPLICATE KEY UPDATE updated_at = CURRENT_TIMESTAMP(6)"
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO tig_push_devices (service_jid_sha1, user_jid_sha1, provider, device_id_sha1,
		service_jid, user_jid, node, node_sha1, device_id) VALUES (?,?,?,?,?,?,?,?,?)`+upsert,
		append(rowKey(d), d.Service, d.Account, d.Node, hash(d.Node), d.Token)...)
	if err != nil {
		return err
	}
	if err := tx.QueryRowContext(ctx, "SELECT node FROM tig_push_devices"+whereKey, rowKey(d)...).Scan(&d.Node); err != nil {
		return err
	}
	var second any
	if d.SecondToken != "" {
		second = d.SecondToken
	}
	if err := r.setData(ctx, tx, d, []string{"device_second_id", "registered_ms"}, second, toMillis(d.Registered)); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM tig_push_tombstones"+whereKey, rowKey(d)...)
	return err
}

// execer is a database or a transaction.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// setData sets columns of a device's row in our own table, which a device of
// Java's has not.
func (r *Devices) setData(ctx context.Context, e execer, d *Device, columns []string, values ...any) error {
	query := "INSERT INTO tig_push_device_data (service_jid_sha1, user_jid_sha1, provider, device_id_sha1"
	update := " ON CONFLICT (service_jid_sha1, user_jid_sha1, provider, device_id_sha1) DO UPDATE SET "
	if r.ds.loc.engine == mysqlEngine {
		update = " ON DUPLICATE KEY UPDATE "
	}
	for i, c := range columns {
		query += ", " + c
		if i > 0 {
			update += ", "
		}
		if r.ds.loc.engine == mysqlEngine {
			update += c + " = VALUES(" + c + ")"
		} else {
			update += c + " = excluded." + c
		}
	}
	query += ") VALUES (" + marks(4+len(columns)) + ")" + update
	_, err := e.ExecContext(ctx, query, append(rowKey(d), values...)...)
	return err
}

const maxTries = 8

// transact runs a transaction, again when the database chose it to break a
// deadlock.
func (r *Devices) transact(ctx context.Context, do func(*sql.Tx) error) error {
	for tries := 1; ; tries++ {
		err := r.once(ctx, do)
		if err == nil || !deadlock(err) || tries == maxTries {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(rand.N(time.Duration(tries) * 10 * time.Millisecond)):
		}
	}
}

func (r *Devices) once(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := r.ds.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		// The error that counts is the one that made it necessary.
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

// deadlock reports whether a transaction was a deadlock's victim or waited too
// long for a lock. Galera says so at the commit, too.
func deadlock(err error) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && (e.Number == 1213 || e.Number == 1205)
}
