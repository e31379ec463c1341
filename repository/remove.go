package repository

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// graveTime is how long a tombstone stays.
const graveTime = 30 * 24 * time.Hour

// Unregister removes the device of a key and returns it, or [ErrNotFound].
func (r *Devices) Unregister(ctx context.Context, k Key) (Device, error) {
	d, err := r.Find(ctx, k)
	if err != nil {
		return Device{}, err
	}
	return d, r.Remove(ctx, d, ReasonUnregistered)
}

// Remove removes a device as it was read. One that was registered again since
// lives; the error is then [ErrNotFound], as for one that is gone already.
func (r *Devices) Remove(ctx context.Context, d Device, why Reason) error {
	err := r.transact(ctx, func(tx *sql.Tx) error { return r.remove(ctx, tx, &d, why) })
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("remove device: %w", err)
	}
	return err
}

func (r *Devices) remove(ctx context.Context, tx *sql.Tx, d *Device, why Reason) error {
	lock := ""
	if r.ds.loc.engine == mysqlEngine {
		lock = " FOR UPDATE"
	}
	var registered sql.NullInt64
	err := tx.QueryRowContext(ctx, "SELECT registered_ms FROM tig_push_device_data"+whereKey+lock, rowKey(d)...).Scan(&registered)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if registered.Int64 != toMillis(d.Registered) {
		return ErrNotFound
	}
	res, err := tx.ExecContext(ctx, "DELETE FROM tig_push_devices"+whereKey+" AND node_sha1 = ?", append(rowKey(d), hash(d.Node))...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrNotFound)
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM tig_push_device_data"+whereKey, rowKey(d)...); err != nil {
		return err
	}
	return r.bury(ctx, tx, d, why)
}

// bury leaves a tombstone and clears away those that have stood long enough.
func (r *Devices) bury(ctx context.Context, tx *sql.Tx, d *Device, why Reason) error {
	now := time.Now()
	if _, err := tx.ExecContext(ctx, "DELETE FROM tig_push_tombstones WHERE removed_ms < ?", toMillis(now.Add(-graveTime))); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `REPLACE INTO tig_push_tombstones (service_jid_sha1, user_jid_sha1, provider, device_id_sha1,
		service_jid, user_jid, token_hash, why, removed_ms) VALUES (?,?,?,?,?,?,?,?,?)`,
		append(rowKey(d), d.Service, d.Account, tokenHash(d.Token), string(why), toMillis(now))...)
	return err
}

const selectTombstone = `SELECT service_jid, user_jid, provider, token_hash, why, removed_ms FROM tig_push_tombstones
	WHERE service_jid_sha1 = ? AND user_jid_sha1 = ? AND removed_ms >= ?`

// Tombstones returns what remains of an account's removed devices, the oldest
// first.
func (r *Devices) Tombstones(ctx context.Context, service, account string) ([]Tombstone, error) {
	return r.tombstones(ctx, " ORDER BY removed_ms", service, account)
}

// TombstoneOf returns what remains of the removed device of a key, or
// [ErrNotFound].
func (r *Devices) TombstoneOf(ctx context.Context, k Key) (Tombstone, error) {
	condition, args := keyCondition(k)
	all, err := r.tombstones(ctx, condition+" ORDER BY removed_ms DESC LIMIT 1", k.Service, k.Account, args...)
	if err != nil {
		return Tombstone{}, err
	}
	if len(all) == 0 {
		return Tombstone{}, ErrNotFound
	}
	return all[0], nil
}

func (r *Devices) tombstones(ctx context.Context, condition, service, account string, args ...any) (out []Tombstone, err error) {
	args = append([]any{jidHash(service), jidHash(account), toMillis(time.Now().Add(-graveTime))}, args...)
	rows, err := r.ds.read.QueryContext(ctx, selectTombstone+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("look up removed devices: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var t Tombstone
		var ms int64
		if err := rows.Scan(&t.Service, &t.Account, &t.Provider, &t.TokenHash, &t.Why, &ms); err != nil {
			return nil, fmt.Errorf("read removed device: %w", err)
		}
		t.Time = fromMillis(ms)
		out = append(out, t)
	}
	return out, rows.Err()
}

// ClearSecondToken forgets a device's second token, if it still is the one that
// was read.
func (r *Devices) ClearSecondToken(ctx context.Context, d Device) error {
	_, err := r.ds.write.ExecContext(ctx, "UPDATE tig_push_device_data SET device_second_id = NULL"+whereKey+" AND device_second_id = ?", append(rowKey(&d), d.SecondToken)...)
	if err != nil {
		return fmt.Errorf("clear second token: %w", err)
	}
	return nil
}

// NoteOutcome keeps what became of a push with its device, when it differs from
// what is known of it.
func (r *Devices) NoteOutcome(ctx context.Context, d Device, o Outcome) error {
	var err error
	switch {
	case o.Accepted && (d.LastAccepted.IsZero() || !d.LastFailure.Time.IsZero() || d.Sandbox != o.Sandbox):
		err = r.update(ctx, &d, "accepted_ms = ?, failed_ms = 0, failed_reason = '', failed_push_id = '', sandbox = ?", toMillis(o.Time), o.Sandbox)
	case !o.Accepted && d.LastFailure.Reason != o.Reason:
		err = r.update(ctx, &d, "failed_ms = ?, failed_reason = ?, failed_push_id = ?", toMillis(o.Time), cut(o.Reason, 255), cut(o.PushID, 64))
	}
	if err != nil {
		return fmt.Errorf("note outcome: %w", err)
	}
	return nil
}

// update changes the data of a device that is still registered as it was read;
// a device of Java's, which has none yet, gets them.
func (r *Devices) update(ctx context.Context, d *Device, set string, values ...any) error {
	values = append(values, rowKey(d)...)
	res, err := r.ds.write.ExecContext(ctx, "UPDATE tig_push_device_data SET "+set+whereKey, values...)
	if err != nil || !d.Registered.IsZero() {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return err
	}
	if err := r.setData(ctx, r.ds.write, d, []string{"registered_ms"}, 0); err != nil {
		return err
	}
	_, err = r.ds.write.ExecContext(ctx, "UPDATE tig_push_device_data SET "+set+whereKey, values...)
	return err
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
