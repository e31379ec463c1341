package repository

import (
	"context"
	"database/sql"
	"errors"
)

// routines are the five stored routines that Tigase's user repository is made
// of since 8.0. Hashing, case and limits are the database's affair.
type routines interface {
	// uid is a user's number; [ErrNotFound].
	uid(ctx context.Context, s session, user string) (int64, error)
	// addUser adds a user without a password, and the root node.
	addUser(ctx context.Context, s session, user string) error
	// addNode adds a node below another; on MySQL also one that is there.
	addNode(ctx context.Context, s session, parent, uid int64, node string) error
	// updatePairs sets all values of a key, or adds one.
	updatePairs(ctx context.Context, s session, nid, uid int64, key, value string) error
	removeUser(ctx context.Context, s session, user string) error
}

// stored calls Tigase's routines: procedures on MySQL, functions on PostgreSQL.
type stored struct{ call string } // "CALL " or "SELECT "

func (r stored) uid(ctx context.Context, s session, user string) (int64, error) {
	var uid sql.NullInt64 // MySQL returns no row for a missing user, PostgreSQL NULL
	err := s.row(ctx, r.call+"TigGetUserDBUid(?)", user).Scan(&uid)
	if errors.Is(err, sql.ErrNoRows) || err == nil && uid.Int64 <= 0 {
		err = ErrNotFound
	}
	return uid.Int64, err
}

func (r stored) addUser(ctx context.Context, s session, user string) error {
	return s.exec(ctx, r.call+"TigAddUserPlainPw(?, NULL)", user)
}

func (r stored) addNode(ctx context.Context, s session, parent, uid int64, node string) error {
	return s.exec(ctx, r.call+"TigAddNode(?, ?, ?)", parent, uid, node)
}

func (r stored) updatePairs(ctx context.Context, s session, nid, uid int64, key, value string) error {
	return s.exec(ctx, r.call+"TigUpdatePairs(?, ?, ?, ?)", nid, uid, key, value)
}

func (r stored) removeUser(ctx context.Context, s session, user string) error {
	return s.exec(ctx, r.call+"TigRemoveUser(?)", user)
}

// embedded does in an embedded database what the routines do elsewhere.
type embedded struct{}

func (embedded) uid(ctx context.Context, s session, user string) (uid int64, err error) {
	err = s.row(ctx, "SELECT uid FROM tig_users WHERE sha1_user_id = ?", jidHash(user)).Scan(&uid)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return uid, err
}

func (e embedded) addUser(ctx context.Context, s session, user string) error {
	var uid int64
	err := s.row(ctx, "INSERT INTO tig_users (user_id, sha1_user_id, account_status) VALUES (?, ?, -1) ON CONFLICT DO NOTHING RETURNING uid", user, jidHash(user)).Scan(&uid)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrUserExists
	}
	if err != nil {
		return err
	}
	return s.exec(ctx, "INSERT INTO tig_nodes (parent_nid, uid, node) VALUES (NULL, ?, 'root')", uid)
}

func (embedded) addNode(ctx context.Context, s session, parent, uid int64, node string) error {
	return s.exec(ctx, "INSERT INTO tig_nodes (parent_nid, uid, node) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", parent, uid, node)
}

func (embedded) updatePairs(ctx context.Context, s session, nid, uid int64, key, value string) error {
	n, err := s.changed(ctx, "UPDATE tig_pairs SET pval = ? WHERE nid = ? AND uid = ? AND pkey = ?", value, nid, uid, key)
	if err != nil || n > 0 {
		return err
	}
	return s.exec(ctx, "INSERT INTO tig_pairs (nid, uid, pkey, pval) VALUES (?, ?, ?, ?)", nid, uid, key, value)
}

func (e embedded) removeUser(ctx context.Context, s session, user string) error {
	uid, err := e.uid(ctx, s, user)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	for _, table := range []string{"tig_pairs", "tig_nodes", "tig_users"} {
		if err == nil {
			err = s.exec(ctx, "DELETE FROM "+table+" WHERE uid = ?", uid)
		}
	}
	return err
}
