package repository

import (
	"context"
	"strings"
	"time"
)

var tombstoneColumns = []string{"service_jid", "user_jid", "token_hash", "why", "removed_ms"}

// bury leaves a tombstone.
func (r *Devices) bury(ctx context.Context, s session, d *Device, why Reason) error {
	return s.exec(ctx, "INSERT INTO tig_push_tombstones ("+strings.Join(append(dataKey[:len(dataKey):len(dataKey)], tombstoneColumns...), ", ")+
		") VALUES (?,?,?,?,?,?,?,?,?)"+s.upsert(dataKey, tombstoneColumns...),
		append(dataRow(d), d.Service, d.Account, tokenHash(d.Token), string(why), toMillis(time.Now()))...)
}

// Tombstones returns what remains of an account's removed devices, the oldest
// first.
func (r *Devices) Tombstones(ctx context.Context, service, account string) ([]Tombstone, error) {
	return r.tombstones(ctx, "", service, account)
}

// TombstoneOf returns what remains of the removed device of a key, the latest
// of several, or [ErrNotFound].
func (r *Devices) TombstoneOf(ctx context.Context, k Key) (Tombstone, error) {
	args := []any{hash(k.Token)}
	if k.AnyCase {
		args = append(args, hash(strings.ToUpper(k.Token)), hash(strings.ToLower(k.Token)))
	}
	condition := " AND device_id_sha1 IN (" + marks(len(args)) + ") AND provider IN (" + marks(len(k.Providers)) + ")"
	for _, p := range k.Providers {
		args = append(args, p)
	}
	all, err := r.tombstones(ctx, condition, k.Service, k.Account, args...)
	if err != nil {
		return Tombstone{}, err
	}
	if len(all) == 0 {
		return Tombstone{}, ErrNotFound
	}
	return all[len(all)-1], nil
}

func (r *Devices) tombstones(ctx context.Context, condition, service, account string, args ...any) (out []Tombstone, err error) {
	args = append([]any{jidHash(service), jidHash(account), toMillis(time.Now().Add(-graveTime))}, args...)
	err = r.ds.again(ctx, func(ctx context.Context) error {
		rows, queryErr := r.ds.reading().rows(ctx, "SELECT service_jid, user_jid, provider, token_hash, why, removed_ms FROM tig_push_tombstones"+
			" WHERE service_jid_sha1 = ? AND user_jid_sha1 = ? AND removed_ms >= ?"+condition+" ORDER BY removed_ms", args...)
		out, err = collect(rows, queryErr, scanTombstone)
		return err
	})
	return out, r.failed("look up removed devices", err)
}

func scanTombstone(s scanner) (t Tombstone, err error) {
	var ms int64
	err = s.Scan(&t.Service, &t.Account, &t.Provider, &t.TokenHash, &t.Why, &ms)
	t.Time = fromMillis(ms)
	return t, err
}
