package repository

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

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
	err := r.ds.transact(ctx, func(ctx context.Context, s session) error { return r.remove(ctx, s, &d, why) })
	return r.failed("remove device", err)
}

func (r *Devices) remove(ctx context.Context, s session, d *Device, why Reason) error {
	registered, err := r.lock(ctx, s, d)
	if err != nil {
		return err
	}
	if registered != toMillis(d.Registered) {
		return ErrNotFound
	}
	l := &r.ds.layout
	condition, args := l.row(s.dialect, "", d)
	node, nodeArgs := l.node.is(s.dialect, "", d.Node)
	n, err := s.changed(ctx, "DELETE FROM tig_push_devices WHERE "+condition+" AND "+node, append(args, nodeArgs...)...)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrNotFound
	}
	if !l.whole {
		if err := s.exec(ctx, "DELETE FROM tig_push_device_data"+whereData, dataRow(d)...); err != nil {
			return err
		}
	}
	return r.bury(ctx, s, d, why)
}

// lock holds off programs that register the device, and returns when it was
// registered. A device of Java's gets a row to lock.
func (r *Devices) lock(ctx context.Context, s session, d *Device) (registered int64, err error) {
	l := &r.ds.layout
	query := "SELECT registered_ms FROM " + l.data() + whereData + s.forUpdate
	err = s.row(ctx, query, dataRow(d)...).Scan(&registered)
	switch {
	case !errors.Is(err, sql.ErrNoRows):
		return registered, err
	case l.whole:
		return 0, ErrNotFound
	}
	err = s.exec(ctx, "INSERT INTO tig_push_device_data (service_jid_sha1, user_jid_sha1, provider, device_id_sha1) VALUES (?,?,?,?)"+
		s.upsert(dataKey, "provider"), dataRow(d)...)
	if err != nil {
		return 0, err
	}
	return registered, s.row(ctx, query, dataRow(d)...).Scan(&registered)
}

// ClearSecondToken forgets a device's second token, if it still is the one that
// was read.
func (r *Devices) ClearSecondToken(ctx context.Context, d Device) error {
	query, args := "UPDATE tig_push_device_data SET device_second_id = NULL"+whereData+" AND device_second_id = ?", append(dataRow(&d), d.SecondToken)
	if l := &r.ds.layout; l.second != "" {
		condition, rowArgs := l.row(r.ds.dialect, "", &d)
		query, args = "UPDATE tig_push_devices SET "+l.second+" = NULL WHERE "+condition+" AND "+l.second+" = ?", append(rowArgs, d.SecondToken)
	}
	err := r.ds.again(ctx, func(ctx context.Context) error {
		defer r.ds.changes.Add(1)
		return r.ds.writing().exec(ctx, query, args...)
	})
	return r.failed("clear second token", err)
}

// NoteOutcome keeps what became of a push with its device, when it differs from
// what is known of it.
func (r *Devices) NoteOutcome(ctx context.Context, d Device, o Outcome) error {
	if d.knows(&o) {
		return nil
	}
	columns := []string{"failed_ms", "failed_reason", "failed_push_id"}
	values := []any{toMillis(o.Time), cut(o.Reason, 255), cut(o.PushID, 64)}
	if o.Accepted {
		columns = append(columns, "accepted_ms", "sandbox")
		values = []any{0, "", "", toMillis(o.Time), o.Sandbox}
	}
	err := r.ds.again(ctx, func(ctx context.Context) error {
		defer r.ds.changes.Add(1)
		return r.note(ctx, &d, columns, values)
	})
	return r.failed("note outcome", err)
}

// knows reports whether an outcome is what the row holds already.
func (d *Device) knows(o *Outcome) bool {
	if o.Accepted {
		return !d.LastAccepted.IsZero() && d.LastFailure.Time.IsZero() && d.Sandbox == o.Sandbox
	}
	return d.LastFailure.Reason == cut(o.Reason, 255) && !d.LastFailure.Time.IsZero()
}

// note changes our row of a device. Only a device of Java's gets one: that of
// another, if it is missing, was removed meanwhile.
func (r *Devices) note(ctx context.Context, d *Device, columns []string, values []any) error {
	s := r.ds.writing()
	if d.Registered.IsZero() || r.ds.layout.whole {
		return r.setData(ctx, s, d, columns, values...)
	}
	set := ""
	for _, c := range columns {
		set += ", " + c + " = ?"
	}
	return s.exec(ctx, "UPDATE tig_push_device_data SET "+set[2:]+whereData, append(values, dataRow(d)...)...)
}

// cut shortens a text to n bytes at most, to whole characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}

// graveTime is how long a tombstone stays.
const graveTime = 30 * 24 * time.Hour

// Run clears tombstones away that have stood long enough.
func (r *Devices) Run(ctx context.Context) error {
	for {
		err := r.purge(ctx)
		if err != nil && ctx.Err() == nil {
			r.log.Warn("old tombstones stay for now", "err", r.ds.explain(err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Hour):
		}
	}
}

func (r *Devices) purge(ctx context.Context) error {
	return r.ds.again(ctx, func(ctx context.Context) error {
		return r.ds.writing().exec(ctx, "DELETE FROM tig_push_tombstones WHERE removed_ms < ?", toMillis(time.Now().Add(-graveTime)))
	})
}
