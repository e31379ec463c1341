package repository

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// Entry is a place in the user repository.
type Entry struct{ User, Node, Key string }

// String is the form in which a configuration names it.
func (e Entry) String() string { return e.User + ":" + e.Node + ":" + e.Key }

// FindCertificates looks for entries of other programs that look like a
// certificate with its key in PKCS#12 and base64: where Tigase's own push
// component keeps its certificates is not public. It looks at services' users
// whose name has "push" or "apns" in it, and at those named; it reads only.
func (u *Users) FindCertificates(ctx context.Context, users ...string) ([]Entry, error) {
	condition := "lower(u.user_id) LIKE '%push%' OR lower(u.user_id) LIKE '%apns%'"
	args := []any{certificateUser}
	for _, name := range users {
		condition += " OR lower(u.user_id) = ?"
		args = append(args, strings.ToLower(name))
	}
	// PKCS#12 is a DER sequence of more than 255 bytes: MII in base64.
	rows, err := u.ds.reading().rows(ctx, `SELECT u.user_id, p.nid, p.pkey, p.pval FROM tig_users u JOIN tig_pairs p ON p.uid = u.uid
		WHERE u.user_id <> ? AND u.user_id NOT LIKE '%@%' AND (`+condition+") AND p.pval LIKE 'MII%' AND length(p.pval) > 1000 ORDER BY p.pid", args...)
	type hit struct {
		Entry
		nid   sql.NullInt64
		value string
	}
	hits, err := collect(rows, err, func(s scanner) (h hit, err error) {
		return h, s.Scan(&h.User, &h.nid, &h.Key, &h.value)
	})
	var out []Entry
	for _, h := range hits {
		if _, decodeErr := decodeP12(h.value); decodeErr != nil {
			continue
		}
		if h.Node, err = u.pathOf(ctx, h.nid.Int64); err != nil {
			break
		}
		out = append(out, h.Entry)
	}
	if err != nil {
		return nil, fmt.Errorf("look for certificates: %w", u.ds.explain(err))
	}
	return out, nil
}

// pathOf is a node's path, without the root.
func (u *Users) pathOf(ctx context.Context, nid int64) (string, error) {
	var names []string
	for range 32 {
		var name string
		var parent sql.NullInt64
		err := u.ds.reading().row(ctx, "SELECT node, parent_nid FROM tig_nodes WHERE nid = ?", nid).Scan(&name, &parent)
		if errors.Is(err, sql.ErrNoRows) || err == nil && !parent.Valid {
			break
		}
		if err != nil {
			return "", err
		}
		names = append([]string{name}, names...)
		nid = parent.Int64
	}
	return strings.Join(names, "/"), nil
}

// LoadFrom returns a certificate that another program keeps, as the
// configuration names it. The password is not kept with it.
func (c *Certificates) LoadFrom(ctx context.Context, e Entry) (Certificate, error) {
	value, err := c.users.Data(ctx, e.User, e.Node, e.Key)
	if err != nil {
		return Certificate{}, fmt.Errorf("load certificate from %s: %w", e, err)
	}
	cert := Certificate{Version: hash(value)}
	if strings.Contains(value, "-----BEGIN") {
		cert.PEM = []byte(value)
		return cert, nil
	}
	if cert.P12, err = decodeP12(value); err != nil {
		return Certificate{}, fmt.Errorf("load certificate from %s: %w", e, err)
	}
	return cert, nil
}

// ParseEntry reads the form of [Entry.String].
func ParseEntry(text string) (Entry, error) {
	parts := strings.SplitN(text, ":", 3)
	if len(parts) != 3 || parts[0] == "" || parts[2] == "" {
		return Entry{}, errors.New("an entry of the user repository reads USER:NODE:KEY, the node may be empty")
	}
	return Entry{parts[0], parts[1], parts[2]}, nil
}
