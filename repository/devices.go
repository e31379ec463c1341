package repository

import (
	"context"
	"crypto/sha1"
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

	mu     sync.Mutex
	byNode *sql.Stmt // kept open: it is the hot path
}

// NewDevices returns the devices of a data source; its tables are there after
// [DataSource.Start].
func NewDevices(ds *DataSource, l *slog.Logger) *Devices { return &Devices{ds: ds, log: l} }

// Close closes what is kept open.
func (r *Devices) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byNode == nil {
		return nil
	}
	return r.byNode.Close()
}

const selectDevice = `SELECT d.service_jid, d.user_jid, d.node, d.provider, d.device_id,
	x.device_second_id, x.registered_ms, x.accepted_ms, x.failed_ms, x.failed_reason, x.failed_push_id, x.sandbox
	FROM tig_push_devices d LEFT JOIN tig_push_device_data x
	ON x.service_jid_sha1 = d.service_jid_sha1 AND x.user_jid_sha1 = d.user_jid_sha1
	AND x.provider = d.provider AND x.device_id_sha1 = d.device_id_sha1 `

// hash is the key of a text: equality is always that of hashes, because a
// collation would merge tokens that differ in case.
func hash(s string) string {
	sum := sha1.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// jidHash is the key of an address, as Tigase's sha1(lower(jid)).
func jidHash(jid string) string { return hash(strings.ToLower(jid)) }

// scanner is a row or rows.
type scanner interface{ Scan(...any) error }

func scanDevice(s scanner) (d Device, err error) {
	var second, reason, pushID sql.NullString
	var registered, accepted, failed sql.NullInt64
	var sandbox sql.NullBool
	err = s.Scan(&d.Service, &d.Account, &d.Node, &d.Provider, &d.Token,
		&second, &registered, &accepted, &failed, &reason, &pushID, &sandbox)
	d.SecondToken, d.Sandbox = second.String, sandbox.Bool
	d.Registered, d.LastAccepted = fromMillis(registered.Int64), fromMillis(accepted.Int64)
	d.LastFailure = Failure{Time: fromMillis(failed.Int64), Reason: reason.String, PushID: pushID.String}
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

// ByNode returns the devices of a node, none when the node is not known.
func (r *Devices) ByNode(ctx context.Context, service, node string) ([]Device, error) {
	stmt, err := r.nodeStatement(ctx)
	if err != nil {
		return nil, err
	}
	if r.ds.loc.engine == sqliteEngine {
		// A context that can end costs a goroutine per query there, and an
		// index read takes microseconds.
		ctx = context.WithoutCancel(ctx)
	}
	return devices(stmt.QueryContext(ctx, jidHash(service), hash(node)))
}

func (r *Devices) nodeStatement(ctx context.Context) (*sql.Stmt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byNode != nil {
		return r.byNode, nil
	}
	stmt, err := r.ds.read.PrepareContext(ctx, selectDevice+"WHERE d.service_jid_sha1 = ? AND d.node_sha1 = ?")
	if err != nil {
		return nil, fmt.Errorf("prepare look-up: %w", err)
	}
	r.byNode = stmt
	return stmt, nil
}

func devices(rows *sql.Rows, err error) (out []Device, _ error) {
	if err != nil {
		return nil, fmt.Errorf("look up devices: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		d, err := scanDevice(rows)
		if err != nil {
			return nil, fmt.Errorf("read device: %w", err)
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

// ByAccount returns an account's devices, the oldest first.
func (r *Devices) ByAccount(ctx context.Context, service, account string) ([]Device, error) {
	return devices(r.ds.read.QueryContext(ctx, selectDevice+
		"WHERE d.service_jid_sha1 = ? AND d.user_jid_sha1 = ? ORDER BY d.created_at, d.device_id_sha1", jidHash(service), jidHash(account)))
}

// Find returns the device of a key, or [ErrNotFound].
func (r *Devices) Find(ctx context.Context, k Key) (Device, error) {
	return r.find(ctx, r.ds.read, k)
}

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (r *Devices) find(ctx context.Context, q querier, k Key) (Device, error) {
	condition, args := keyCondition(k)
	d, err := scanDevice(q.QueryRowContext(ctx, selectDevice+"WHERE d.service_jid_sha1 = ? AND d.user_jid_sha1 = ?"+
		strings.NewReplacer(" provider", " d.provider", " device_id_sha1", " d.device_id_sha1").Replace(condition)+" ORDER BY d.created_at LIMIT 1",
		append([]any{jidHash(k.Service), jidHash(k.Account)}, args...)...))
	if errors.Is(err, sql.ErrNoRows) {
		return Device{}, ErrNotFound
	}
	if err != nil {
		return Device{}, fmt.Errorf("look up device: %w", err)
	}
	return d, nil
}

// keyCondition is the part of a key that names the device of an account.
func keyCondition(k Key) (condition string, args []any) {
	tokens := []any{hash(k.Token)}
	if k.AnyCase {
		tokens = append(tokens, hash(strings.ToUpper(k.Token)), hash(strings.ToLower(k.Token)))
	}
	for _, p := range k.Providers {
		args = append(args, p)
	}
	return " AND provider IN (" + marks(len(k.Providers)) + ") AND device_id_sha1 IN (" + marks(len(tokens)) + ")", append(args, tokens...)
}

// ByToken returns the devices with a token under any of the providers, of all
// services and accounts.
func (r *Devices) ByToken(ctx context.Context, providers []string, token string) ([]Device, error) {
	args := []any{hash(token)}
	for _, p := range providers {
		args = append(args, p)
	}
	return devices(r.ds.read.QueryContext(ctx, selectDevice+"WHERE d.device_id_sha1 = ? AND d.provider IN ("+marks(len(providers))+") ORDER BY d.created_at", args...))
}

// All returns all devices of all services, read as they are asked for. The
// iteration ends at the first error.
func (r *Devices) All(ctx context.Context) iter.Seq2[Device, error] {
	return func(yield func(Device, error) bool) {
		rows, err := r.ds.read.QueryContext(ctx, selectDevice+"ORDER BY d.service_jid_sha1, d.user_jid_sha1")
		if err != nil {
			yield(Device{}, fmt.Errorf("list devices: %w", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			d, err := scanDevice(rows)
			if !yield(d, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(Device{}, fmt.Errorf("list devices: %w", err))
		}
	}
}

// marks returns n question marks.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

// rowKey is the primary key of a device in all tables.
func rowKey(d *Device) []any {
	return []any{jidHash(d.Service), jidHash(d.Account), d.Provider, hash(d.Token)}
}

const whereKey = " WHERE service_jid_sha1 = ? AND user_jid_sha1 = ? AND provider = ? AND device_id_sha1 = ?"

// tokenHash is how a token is kept in a tombstone.
func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:4])
}

// Count is the number of devices of a provider under a service.
type Count struct {
	Service, Provider string
	Devices           int
}

// Counts returns the number of devices by service and provider.
func (r *Devices) Counts(ctx context.Context) (out []Count, err error) {
	rows, err := r.ds.read.QueryContext(ctx, "SELECT min(service_jid), provider, count(*) FROM tig_push_devices GROUP BY service_jid_sha1, provider ORDER BY 1, 2")
	if err != nil {
		return nil, fmt.Errorf("count devices: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var c Count
		if err := rows.Scan(&c.Service, &c.Provider, &c.Devices); err != nil {
			return nil, fmt.Errorf("count devices: %w", err)
		}
		out = append(out, c)
	}
	return out, rows.Err()
}
