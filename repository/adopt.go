package repository

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// column is what the catalog says of a column.
type column struct {
	name, typ, collation string
	length               int
	required             bool // NOT NULL and without a default
}

// inspect finds out what the columns of tig_push_devices hold. The table may be
// that of another push component: it is used as it is, and never altered.
func (ds *DataSource) inspect(ctx context.Context) (layout, error) {
	rows, err := ds.reading().rows(ctx, ds.columns, "tig_push_devices")
	columns, err := collect(rows, err, func(s scanner) (c column, err error) {
		var notNull, hasDefault bool
		err = s.Scan(&c.name, &c.typ, &c.length, &c.collation, &notNull, &hasDefault)
		c.required = notNull && !hasDefault
		return c, err
	})
	if err != nil {
		return layout{}, fmt.Errorf("look at tig_push_devices: %w", ds.explain(err))
	}
	l, rest, err := assign(columns)
	if err != nil {
		return l, err
	}
	if err := ds.recognize(ctx, &l, columns); err != nil {
		return l, fmt.Errorf("look at tig_push_devices: %w", ds.explain(err))
	}
	l.complete(rest)
	l.joined = ds.joinable(&l, columns)
	l.whole = ds.engine == sqliteEngine && l.joined && hasAll(columns, "node_key", "device_second_id", "registered_ms", "accepted_ms", "failed_ms", "failed_reason", "failed_push_id", "sandbox")
	if l.readOnly != "" {
		ds.log.Warn("the table tig_push_devices takes no new devices: their registrations are refused", "why", l.readOnly)
	} else if !l.joined {
		ds.log.Info("using the table tig_push_devices as it is", "columns", strings.Join(names(columns), ", "))
	}
	return l, nil
}

func hasAll(columns []column, wanted ...string) bool {
	has := names(columns)
	return !slices.ContainsFunc(wanted, func(name string) bool { return !slices.Contains(has, name) })
}

func names(columns []column) (out []string) {
	for _, c := range columns {
		out = append(out, c.name)
	}
	return out
}

// assign gives columns their roles by their names, and returns those without.
func assign(columns []column) (l layout, rest []column, err error) {
	rest = slices.Clone(columns)
	take := func(textual bool, candidates ...string) string {
		for _, name := range candidates {
			i := slices.IndexFunc(rest, func(c column) bool { return strings.EqualFold(c.name, name) && (!textual || c.isText()) })
			if i >= 0 {
				name = rest[i].name
				rest = slices.Delete(rest, i, i+1)
				return name
			}
		}
		return ""
	}
	key := func(jid bool, candidates ...string) keyed {
		k := keyed{jid: jid, text: take(true, candidates...), kind: hashKind{lowered: jid}}
		for _, base := range append([]string{k.text}, candidates...) {
			if k.hash == "" && base != "" {
				k.hash = take(false, base+"_sha1", base+"_sha256", base+"_hash", base+"_id")
			}
		}
		return k
	}
	l.second = take(true, "device_second_id", "second_device_id", "device_second_token", "second_device_token", "second_token", "voip_token", "device_id_second")
	l.service = key(true, "service_jid", "service", "component_jid")
	l.user = key(true, "user_jid", "jid", "account", "user_id")
	l.device = key(false, "device_id", "device_token", "token")
	l.node = key(false, "node", "node_name", "node_id")
	l.provider = take(true, "provider", "provider_id", "provider_name")
	l.created = take(false, "created_at", "created", "create_time", "ts", "registered_at", "registered")
	for _, role := range []struct{ name, column string }{{"service JID", l.service.text}, {"user's JID", l.user.text}, {"node", l.node.text}, {"provider", l.provider}, {"device token", l.device.text}} {
		if role.column == "" {
			return l, nil, fmt.Errorf("the table tig_push_devices is there, but none of its columns (%s) seems to hold the %s: it cannot be used", strings.Join(names(columns), ", "), role.name)
		}
	}
	if l.created != "" { // to be set like others of its kind
		i := slices.IndexFunc(columns, func(c column) bool { return c.name == l.created })
		rest = append(rest, columns[i])
	}
	return l, rest, nil
}

// complete looks at the columns without a role: one that must be set makes the
// table read-only, unless it is a time.
func (l *layout) complete(rest []column) {
	var unknown []string
	for _, c := range rest {
		switch {
		case !c.required:
		case strings.Contains(c.typ, "timestamp") || strings.Contains(c.typ, "datetime"):
			l.times = append(l.times, c.name)
		default:
			unknown = append(unknown, c.name)
		}
	}
	if len(unknown) > 0 {
		l.readOnly = "it is not known what belongs into its columns " + strings.Join(unknown, ", ")
	}
}

func (c *column) isText() bool {
	return strings.Contains(c.typ, "char") || strings.Contains(c.typ, "text")
}

// kinds are the hashes that fit a column.
func (c *column) kinds() (out []hashKind) {
	for _, sha256 := range []bool{false, true} {
		hex := map[bool]int{false: 40, true: 64}[sha256]
		if c.isText() {
			if c.length == 0 || c.length >= hex {
				out = append(out, hashKind{sha256: sha256}, hashKind{sha256: sha256, upper: true})
			}
		} else if strings.Contains(c.typ, "bin") || strings.Contains(c.typ, "blob") || strings.Contains(c.typ, "bytea") {
			if c.length == 0 || c.length >= hex/2 {
				out = append(out, hashKind{sha256: sha256, raw: true})
			}
		}
	}
	return out
}

// samples is the number of rows that hashes are computed again for.
const samples = 20

// recognize finds out how the keys are computed by computing those of some rows
// again. A key that is not understood makes the table read-only, and is not
// used for look-ups.
func (ds *DataSource) recognize(ctx context.Context, l *layout, columns []column) error {
	for _, k := range []*keyed{&l.service, &l.user, &l.node, &l.device} {
		if k.hash == "" {
			continue
		}
		at := columns[slices.IndexFunc(columns, func(c column) bool { return c.name == k.hash })]
		rows, err := ds.reading().rows(ctx, fmt.Sprintf("SELECT %s, %s FROM tig_push_devices LIMIT %d", k.text, k.hash, samples))
		pairs, err := collect(rows, err, func(s scanner) (p [2]string, err error) { return p, s.Scan(&p[0], &p[1]) })
		if err != nil {
			return err
		}
		if !k.recognize(at.kinds(), pairs) {
			l.readOnly = "it is not known how its column " + k.hash + " is computed"
			k.hash = ""
		}
	}
	return nil
}

// recognize sets the kind that gives most of the samples; with several, the one
// that is usual. Not all: letters that the database makes small in its own way,
// and texts that were cut, have other hashes.
func (k *keyed) recognize(kinds []hashKind, samples [][2]string) bool {
	most := -1
	for _, lowered := range []bool{k.jid, !k.jid} {
		for _, kind := range kinds {
			kind.lowered = lowered
			fits := 0
			for _, s := range samples {
				if got, ok := kind.of(s[0]).([]byte); ok && string(got) == s[1] ||
					!ok && kind.of(s[0]) == strings.TrimRight(s[1], " ") { // PostgreSQL fills char columns with blanks
					fits++
				}
			}
			if fits > most {
				most, k.kind = fits, kind
			}
		}
	}
	return most >= 0 && 2*most >= len(samples)
}

// joinable reports whether the table's keys can be compared with ours in SQL,
// by index: the same hash, and on MySQL the same collation.
func (ds *DataSource) joinable(l *layout, columns []column) bool {
	for _, k := range []*keyed{&l.service, &l.user, &l.device} {
		if k.hash == "" || k.kind != (hashKind{lowered: k.jid}) {
			return false
		}
	}
	if ds.engine != mysqlEngine {
		return true
	}
	for _, c := range columns {
		if c.name == l.provider && c.collation != "utf8mb4_bin" || c.name == l.device.hash && c.collation != "ascii_general_ci" {
			return false
		}
	}
	return true
}
