package repository

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// The limits of Tigase's columns, in characters.
const (
	maxJID   = 2049
	maxName  = 255 // node, provider
	maxToken = 4096
)

// Register stores a device and returns it as stored. The same device keeps its
// node, and its second token is replaced, also by none; a new one gets newNode.
// Programs that register the same device at once all get the same row. A text
// that cannot be stored is [ErrInvalid].
func (r *Devices) Register(ctx context.Context, k Key, second, newNode string) (Device, error) {
	if err := storable(k, second, newNode); err != nil {
		return Device{}, err
	}
	d, err := r.Find(ctx, k)
	if errors.Is(err, ErrNotFound) {
		d, err = Device{Service: k.Service, Account: k.Account, Node: newNode, Provider: k.Providers[0], Token: k.Token}, nil
	}
	if err != nil {
		return Device{}, err
	}
	d.SecondToken = second
	d.Registered = time.Now().UTC().Truncate(time.Millisecond)
	err = r.ds.transact(ctx, func(ctx context.Context, s session) error { return r.register(ctx, s, &d) })
	return d, r.failed("store device", err)
}

// storable refuses what a database would cut, refuse or store differently.
func storable(k Key, second, node string) error {
	if len(k.Providers) == 0 {
		return fmt.Errorf("provider: %w: there is none", ErrInvalid)
	}
	for _, f := range []struct {
		name, text string
		limit      int
	}{
		{"service", k.Service, maxJID}, {"account", k.Account, maxJID}, {"node", node, maxName}, {"provider", k.Providers[0], maxName},
		{"device token", k.Token, maxToken}, {"second device token", second, maxToken},
	} {
		switch {
		case !utf8.ValidString(f.text) || strings.ContainsRune(f.text, 0):
			return fmt.Errorf("%s: %w: it has a zero byte or is not UTF-8", f.name, ErrInvalid)
		case utf8.RuneCountInString(f.text) > f.limit:
			return fmt.Errorf("%s: %w: it has more than %d characters", f.name, ErrInvalid, f.limit)
		}
	}
	return nil
}

// register writes the rows of a device and learns the node of a row that
// somebody else wrote meanwhile. Our own row comes first: its key is unique
// everywhere, so it puts programs that register the same device in a line.
func (r *Devices) register(ctx context.Context, s session, d *Device) error {
	l := &r.ds.layout
	second := sql.NullString{String: d.SecondToken, Valid: d.SecondToken != ""}
	own := second
	if l.second != "" {
		own = sql.NullString{}
	}
	if l.whole {
		return r.registerWhole(ctx, s, d, second)
	}
	if err := r.setData(ctx, s, d, []string{"device_second_id", "registered_ms"}, own, toMillis(d.Registered)); err != nil {
		return err
	}
	condition, args := l.row(s.dialect, "", d)
	err := s.row(ctx, "SELECT "+l.node.text+" FROM tig_push_devices WHERE "+condition, args...).Scan(&d.Node)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		err = r.insert(ctx, s, d, second)
	case err == nil && l.second != "":
		err = s.exec(ctx, "UPDATE tig_push_devices SET "+l.second+" = ? WHERE "+condition, append([]any{second}, args...)...)
	}
	if err != nil {
		return err
	}
	return r.exhume(ctx, s, d)
}

// registerWhole is register in an embedded database: one row, and one writer at
// a time.
func (r *Devices) registerWhole(ctx context.Context, s session, d *Device, second sql.NullString) error {
	var place int64
	err := s.row(ctx, "SELECT node, node_key FROM tig_push_devices"+whereData, dataRow(d)...).Scan(&d.Node, &place)
	first, last := nodeKeys(d.Node)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		err = r.insert(ctx, s, d, second)
	case err == nil && (place < first || place > last):
		err = r.collect(ctx, s, d.Node)
	}
	if err == nil {
		err = r.setData(ctx, s, d, []string{"device_second_id", "registered_ms"}, second, toMillis(d.Registered))
	}
	if err != nil {
		return err
	}
	return r.exhume(ctx, s, d)
}

// collect puts the devices of a node where they belong: one of them is no stray
// any more, and then none may be.
func (r *Devices) collect(ctx context.Context, s session, node string) error {
	first, last := nodeKeys(node)
	const strays = "SELECT node_key FROM tig_push_devices WHERE node_sha1 = ? AND registered_ms = 0 AND node_key NOT BETWEEN ? AND ?"
	for {
		var from int64
		err := s.row(ctx, strays, hash(node), first, last).Scan(&from)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		to, err := r.place(ctx, s, node)
		if err != nil {
			return err
		}
		if err := s.exec(ctx, "UPDATE tig_push_devices SET node_key = ? WHERE node_key = ?", to, from); err != nil {
			return err
		}
	}
}

// exhume takes the tombstone of a device away.
func (r *Devices) exhume(ctx context.Context, s session, d *Device) error {
	return s.exec(ctx, "DELETE FROM tig_push_tombstones"+whereData, dataRow(d)...)
}

// ReadOnly says why new devices cannot be stored: the table of another push
// component has columns that only that can fill. It is empty when they can. Known
// devices may be registered again in any case.
func (r *Devices) ReadOnly() string { return r.ds.layout.readOnly }

// Writable tells why the database takes no changes: that it is read-only, or a right
// that is missing. It changes nothing.
func (r *Devices) Writable(ctx context.Context) error {
	err := r.ds.transact(ctx, func(ctx context.Context, s session) error {
		for _, table := range []string{"tig_push_devices", "tig_push_device_data", "tig_push_tombstones"} {
			if err := s.exec(ctx, "DELETE FROM "+table+" WHERE 1 = 0"); err != nil {
				return err
			}
		}
		return nil
	})
	return r.failed("write to the database", err)
}

// insert writes a new row, all that the layout knows.
func (r *Devices) insert(ctx context.Context, s session, d *Device, second sql.NullString) error {
	l := &r.ds.layout
	if l.readOnly != "" {
		return fmt.Errorf("the table tig_push_devices takes no new devices: %s", l.readOnly)
	}
	columns, args := []string{l.provider}, []any{d.Provider}
	for _, f := range []struct {
		key  *keyed
		text string
	}{{&l.service, d.Service}, {&l.user, d.Account}, {&l.node, d.Node}, {&l.device, d.Token}} {
		columns, args = append(columns, f.key.text), append(args, f.text)
		if f.key.hash != "" {
			columns, args = append(columns, f.key.hash), append(args, f.key.kind.of(f.text))
		}
	}
	if l.second != "" {
		columns, args = append(columns, l.second), append(args, second)
	}
	if l.whole {
		place, err := r.place(ctx, s, d.Node)
		if err != nil {
			return err
		}
		columns, args = append(columns, "node_key"), append(args, place)
	}
	values := marks(len(columns))
	for _, t := range l.times {
		columns, values = append(columns, t), values+", "+s.now
	}
	return s.exec(ctx, "INSERT INTO tig_push_devices ("+strings.Join(columns, ", ")+") VALUES ("+values+")", args...)
}

// place is where the next device of a node lies.
func (r *Devices) place(ctx context.Context, s session, node string) (place int64, err error) {
	first, last := nodeKeys(node)
	err = s.row(ctx, "SELECT coalesce(max(node_key) + 1, ?) FROM tig_push_devices WHERE node_key BETWEEN ? AND ?", first, first, last).Scan(&place)
	if err == nil && place > last {
		return 0, fmt.Errorf("node: %w: %d devices have it", ErrInvalid, last-first+1)
	}
	return place, err
}

// setData sets columns of what no other push component knows of a device. In
// our own table a device of Java's has no row yet.
func (r *Devices) setData(ctx context.Context, s session, d *Device, columns []string, values ...any) error {
	if r.ds.layout.whole {
		return s.exec(ctx, "UPDATE tig_push_devices SET "+strings.Join(columns, " = ?, ")+" = ?"+whereData, append(values, dataRow(d)...)...)
	}
	return s.exec(ctx, "INSERT INTO tig_push_device_data ("+strings.Join(dataKey, ", ")+", "+strings.Join(columns, ", ")+") VALUES ("+
		marks(len(dataKey)+len(columns))+")"+s.upsert(dataKey, columns...), append(dataRow(d), values...)...)
}
