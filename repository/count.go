package repository

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Count is the number of devices of a provider under a service.
type Count struct {
	Service, Provider string
	Devices           int
}

// Counts returns the number of devices by service and provider.
func (r *Devices) Counts(ctx context.Context) ([]Count, error) {
	l := &r.ds.layout
	if l.whole {
		out, err := r.countsInOrder(ctx)
		return out, r.failed("count devices", err)
	}
	exactly := ""
	if r.ds.engine == mysqlEngine { // whose collations take other letters for the same
		exactly = "BINARY "
	}
	rows, err := r.ds.reading().rows(ctx, fmt.Sprintf("SELECT min(%[2]s), min(%[3]s), count(*) FROM tig_push_devices GROUP BY %[1]slower(%[2]s), %[1]s%[3]s ORDER BY 1, 2",
		exactly, l.service.text, l.provider))
	out, err := collect(rows, err, func(s scanner) (c Count, err error) {
		return c, s.Scan(&c.Service, &c.Provider, &c.Devices)
	})
	return out, r.failed("count devices", err)
}

// countsInOrder is Counts in an embedded database, which would sort all devices
// in the memory of this process to group them: it walks through an index once to
// see what there is, and once for each of that.
func (r *Devices) countsInOrder(ctx context.Context) ([]Count, error) {
	type group struct{ service, provider string }
	s := r.ds.reading()
	rows, err := s.rows(ctx, "SELECT DISTINCT service_jid_sha1, provider FROM tig_push_devices")
	groups, err := collect(rows, err, func(s scanner) (g group, err error) { return g, s.Scan(&g.service, &g.provider) })
	if err != nil {
		return nil, err
	}
	var out []Count
	for _, g := range groups {
		c := Count{Provider: g.provider}
		if err := s.row(ctx, "SELECT count(*) FROM tig_push_devices WHERE service_jid_sha1 = ? AND provider = ?", g.service, g.provider).Scan(&c.Devices); err != nil {
			return nil, err
		}
		if err := s.row(ctx, "SELECT coalesce(max(service_jid), '') FROM (SELECT service_jid FROM tig_push_devices WHERE service_jid_sha1 = ? LIMIT 1)", g.service).Scan(&c.Service); err != nil {
			return nil, err
		}
		if c.Devices > 0 {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b Count) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Provider, b.Provider))
	})
	return out, nil
}

// Number returns how many devices there are.
func (r *Devices) Number(ctx context.Context) (n int, err error) {
	err = r.ds.reading().row(ctx, "SELECT count(*) FROM tig_push_devices").Scan(&n)
	return n, r.failed("count devices", err)
}

// Services returns the services that devices are registered under, as one of
// their devices has each.
func (r *Devices) Services(ctx context.Context) (out []string, err error) {
	l, s := &r.ds.layout, r.ds.reading()
	if l.service.hash == "" {
		out, err = s.names(ctx, "SELECT min("+l.service.text+") FROM tig_push_devices GROUP BY lower("+l.service.text+")")
		return out, r.failed("list services", err)
	}
	// From one to the next by the index, whose keys begin with the service: there
	// are few, and many devices.
	query := fmt.Sprintf("SELECT %[1]s, %[2]s FROM tig_push_devices WHERE %[1]s > ? ORDER BY %[1]s LIMIT 1", l.service.hash, l.service.text)
	for last := ""; ; {
		var key, name string
		from := any(last)
		if l.service.kind.raw {
			from = []byte(last)
		}
		err := s.row(ctx, query, from).Scan(&key, &name)
		if errors.Is(err, sql.ErrNoRows) {
			return out, nil
		}
		if err != nil {
			return nil, r.failed("list services", err)
		}
		out, last = append(out, name), key
	}
}

// Under returns how many devices are registered under a service.
func (r *Devices) Under(ctx context.Context, service string) (n int, err error) {
	condition, args := r.ds.layout.all(r.ds.dialect, "", []match{{&r.ds.layout.service, []string{service}}})
	err = r.ds.reading().row(ctx, "SELECT count(*) FROM tig_push_devices WHERE "+condition, args...).Scan(&n)
	return n, r.failed("count devices", err)
}
