package repository

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Devices stores the registered devices of all services in one data source.
// Any number of programs may work on the same tables.
type Devices struct {
	ds  *DataSource
	log *slog.Logger

	mu    sync.Mutex
	query string // of the look-up by node

	readers *nodeReaders // of an embedded database with our own table; else nil
	gather  *gatherer
	closed  bool // no reader is made any more
}

// NewDevices returns the devices of a data source; its tables are there after
// [DataSource.Start].
func NewDevices(ds *DataSource, l *slog.Logger) *Devices {
	ds.Use(DeviceTables)
	r := &Devices{ds: ds, log: l}
	r.gather = newGatherer(r)
	return r
}

// Close closes what is kept open.
func (r *Devices) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	err := r.gather.close()
	if r.readers != nil {
		err = errors.Join(err, r.readers.close())
	}
	return err
}

// ByNode returns the devices of a node, none when the node is not known.
func (r *Devices) ByNode(ctx context.Context, service, node string) (out []Device, err error) {
	var lead *gathered
	if readers := r.nodeReaders(); readers != nil {
		out, err := readers.ask(&nodeQuestion{node: node, service: service})
		if err == nil {
			return out, nil
		}
		// The way of all other queries knows what is worth another try, and what
		// to tell.
	} else if r.ds.engine != sqliteEngine && r.ds.layout.joined {
		q, turn := r.gather.ask(ctx, service, node)
		if turn {
			defer r.gather.pass()
			lead = q
		} else if q != nil && len(q.found) > 0 {
			return q.found, nil
		}
	}
	err = r.ds.again(ctx, func(ctx context.Context) error {
		if q := lead; q != nil {
			lead = nil
			if err := r.gather.answer(ctx, q); err != nil {
				return err
			}
			if out = q.found; len(out) > 0 {
				return nil
			}
		}
		out, err = r.byNodeOnce(ctx, service, node)
		return err
	})
	return out, r.failed("look up devices", err)
}

// tooManyStatements is MySQL's answer when all of its clients together keep as
// many as it allows.
const tooManyStatements = 1461

func (r *Devices) byNodeOnce(ctx context.Context, service, node string) ([]Device, error) {
	l := &r.ds.layout
	_, args := l.byNode(r.ds.dialect, service, node)
	r.mu.Lock()
	query := r.nodeQuery()
	r.mu.Unlock()
	rows, err := r.gather.rows(ctx, 1, query, args)
	if number, _ := code(err); number == tooManyStatements {
		rows, err = r.ds.read.QueryContext(ctx, query, args...)
	}
	out, err := r.devices(ctx, rows, err)
	switch {
	case err != nil || len(out) > 0:
		return out, err
	case r.ds.engine == mysqlEngine:
		return r.byNodeCaughtUp(ctx, args)
	case !l.whole:
		return nil, nil
	}
	condition, args := l.strays(r.ds.dialect, service, node)
	rows, err = r.ds.reading().rows(ctx, l.selection()+condition, args...)
	return r.devices(ctx, rows, err)
}

// nodeReaders are those of an embedded database that has our own table.
func (r *Devices) nodeReaders() *nodeReaders {
	l := &r.ds.layout
	if r.ds.engine != sqliteEngine || !l.joined || l.node.kind.raw || l.service.kind.raw {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	if r.readers == nil {
		r.readers = &nodeReaders{file: r.ds.loc.file, query: r.nodeQuery(), layout: l, changes: &r.ds.changes}
		if l.whole {
			r.readers.query = l.selection() + "d.node_key BETWEEN ? AND ?"
			condition, _ := l.strays(r.ds.dialect, "", "")
			r.readers.strays = l.selection() + condition
		}
	}
	return r.readers
}

// nodeQuery is the text of the look-up by node. r.mu is held.
func (r *Devices) nodeQuery() string {
	if r.query == "" {
		l := &r.ds.layout
		condition, _ := l.byNode(r.ds.dialect, "", "")
		r.query = r.ds.bind(l.selection() + condition)
	}
	return r.query
}

// failed adds to an error what was done and what an admin can look at.
func (r *Devices) failed(what string, err error) error {
	if err == nil || errors.Is(err, ErrNotFound) {
		return err
	}
	return fmt.Errorf("%s: %w", what, r.ds.explain(err))
}

// devices reads the rows of a selection, and with it what our own table keeps.
func (r *Devices) devices(ctx context.Context, rows *sql.Rows, err error) ([]Device, error) {
	out, err := collect(rows, err, scanDevice)
	if err != nil || r.ds.layout.joined {
		return out, err
	}
	for i := range out {
		if err := r.attach(ctx, r.ds.reading(), &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// attach reads what our own table keeps of a device in a table whose keys are
// others.
func (r *Devices) attach(ctx context.Context, s session, d *Device) error {
	if r.ds.layout.joined {
		return nil
	}
	row := s.row(ctx, "SELECT device_second_id, registered_ms, accepted_ms, failed_ms, failed_reason, failed_push_id, sandbox FROM tig_push_device_data"+
		whereData, dataRow(d)...)
	var x data
	err := row.Scan(x.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if r.ds.layout.second != "" {
		x.second.String = d.SecondToken
	}
	x.into(d)
	return err
}

// data is a row of our own table, all null where there is none.
type data struct {
	second, reason, pushID       sql.NullString
	registered, accepted, failed sql.NullInt64
	sandbox                      sql.NullBool
}

func (x *data) fields() []any {
	return []any{&x.second, &x.registered, &x.accepted, &x.failed, &x.reason, &x.pushID, &x.sandbox}
}

func (x *data) into(d *Device) {
	d.SecondToken, d.Sandbox = x.second.String, x.sandbox.Bool
	d.Registered, d.LastAccepted = fromMillis(x.registered.Int64), fromMillis(x.accepted.Int64)
	d.LastFailure = Failure{Time: fromMillis(x.failed.Int64), Reason: x.reason.String, PushID: x.pushID.String}
}

func scanDevice(s scanner) (d Device, err error) {
	var x data
	err = s.Scan(&d.Service, &d.Account, &d.Node, &d.Provider, &d.Token,
		&x.second, &x.registered, &x.accepted, &x.failed, &x.reason, &x.pushID, &x.sandbox)
	x.into(&d)
	return d, err
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func toMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// ByAccount returns an account's devices, the oldest first.
func (r *Devices) ByAccount(ctx context.Context, service, account string) ([]Device, error) {
	l := &r.ds.layout
	return r.search(ctx, []match{{&l.service, []string{service}}, {&l.user, []string{account}}})
}

// ByToken returns the devices with a token under any of the providers, of all
// services and accounts, the oldest first.
func (r *Devices) ByToken(ctx context.Context, providers []string, token string) ([]Device, error) {
	return r.search(ctx, []match{{&r.ds.layout.device, []string{token}}}, providers...)
}

// search reads the devices that match.
func (r *Devices) search(ctx context.Context, matches []match, providers ...string) (out []Device, err error) {
	l := &r.ds.layout
	condition, args := l.all(r.ds.dialect, "d.", matches, providers...)
	err = r.ds.again(ctx, func(ctx context.Context) error {
		rows, queryErr := r.ds.reading().rows(ctx, l.selection()+condition+l.order(), args...)
		out, err = r.devices(ctx, rows, queryErr)
		return err
	})
	return out, r.failed("look up devices", err)
}

// Find returns the device of a key, the oldest of several, or [ErrNotFound].
func (r *Devices) Find(ctx context.Context, k Key) (Device, error) {
	l := &r.ds.layout
	tokens := []string{k.Token}
	if k.AnyCase {
		tokens = append(tokens, strings.ToUpper(k.Token), strings.ToLower(k.Token))
	}
	found, err := r.search(ctx, []match{{&l.service, []string{k.Service}}, {&l.user, []string{k.Account}}, {&l.device, tokens}}, k.Providers...)
	if err != nil {
		return Device{}, err
	}
	if len(found) == 0 {
		return Device{}, ErrNotFound
	}
	return found[0], nil
}

// All returns all devices of all services, read as they are asked for. The
// iteration ends at the first error.
func (r *Devices) All(ctx context.Context) iter.Seq2[Device, error] {
	return func(yield func(Device, error) bool) {
		rows, err := r.ds.reading().rows(ctx, r.ds.layout.selection()+"1 = 1")
		if err != nil {
			yield(Device{}, r.failed("list devices", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			d, err := scanDevice(rows)
			if err == nil {
				err = r.attach(ctx, r.ds.reading(), &d)
			}
			if !yield(d, r.failed("list devices", err)) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(Device{}, r.failed("list devices", err))
		}
	}
}

// tokenHash is how a token is kept in a tombstone.
func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:4])
}
