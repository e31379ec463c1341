package repository

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Users is Tigase's user repository in a data source. Nothing is cached: other
// programs write, too.
type Users struct {
	ds *DataSource
	routines
}

var _ UserRepository = (*Users)(nil)

// NewUsers returns the user repository of a data source. Whether its tables are
// there is looked at by [DataSource.Start] only if the data source is used for
// [UserTables].
func NewUsers(ds *DataSource) *Users {
	u := &Users{ds: ds, routines: embedded{}}
	switch ds.engine {
	case mysqlEngine:
		u.routines = stored{"CALL "}
	case postgresEngine:
		u.routines = stored{"SELECT "}
	}
	return u
}

// place is a node of a user.
type place struct{ uid, nid int64 }

// path splits a node's path; empty parts do not count.
func path(node string) []string {
	return strings.FieldsFunc(node, func(r rune) bool { return r == '/' })
}

// find walks from a user's root to a node.
func (u *Users) find(ctx context.Context, s session, user, node string) (p place, err error) {
	if p.uid, err = u.uid(ctx, s, user); err != nil {
		return p, err
	}
	// A race of Tigase's own can leave two roots on PostgreSQL.
	err = s.row(ctx, "SELECT nid FROM tig_nodes WHERE uid = ? AND parent_nid IS NULL AND node = 'root' ORDER BY nid LIMIT 1", p.uid).Scan(&p.nid)
	for _, name := range path(node) {
		if err == nil {
			p.nid, err = child(ctx, s, p, name)
		}
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return p, err
}

func child(ctx context.Context, s session, p place, name string) (nid int64, err error) {
	err = s.row(ctx, "SELECT nid FROM tig_nodes WHERE parent_nid = ? AND uid = ? AND node = ? ORDER BY nid LIMIT 1", p.nid, p.uid, name).Scan(&nid)
	return nid, err
}

// ask runs a reading at a node.
func (u *Users) ask(ctx context.Context, what, user, node string, do func(context.Context, session, place) error) error {
	err := u.ds.again(ctx, func(ctx context.Context) error {
		p, err := u.find(ctx, u.ds.reading(), user, node)
		if err != nil {
			return err
		}
		return do(ctx, u.ds.reading(), p)
	})
	return u.failed(what, user, err)
}

func (u *Users) failed(what, user string, err error) error {
	if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrUserExists) {
		return err
	}
	return fmt.Errorf("%s of user %s: %w", what, cut(user, 100), u.ds.explain(err))
}

// UserExists implements [UserRepository].
func (u *Users) UserExists(ctx context.Context, user string) (bool, error) {
	err := u.ds.again(ctx, func(ctx context.Context) error {
		_, err := u.uid(ctx, u.ds.reading(), user)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, u.failed("look for", user, err)
}

// Data implements [UserRepository].
func (u *Users) Data(ctx context.Context, user, node, key string) (string, error) {
	list, err := u.DataList(ctx, user, node, key)
	if err != nil {
		return "", err
	}
	return list[0], nil
}

// DataList implements [UserRepository].
func (u *Users) DataList(ctx context.Context, user, node, key string) (out []string, err error) {
	err = u.ask(ctx, "read data", user, node, func(ctx context.Context, s session, p place) error {
		out, err = s.names(ctx, "SELECT pval FROM tig_pairs WHERE nid = ? AND pkey = ? ORDER BY pid", p.nid, key)
		return missing(out, err)
	})
	return out, err
}

func missing(found []string, err error) error {
	if err == nil && len(found) == 0 {
		return ErrNotFound
	}
	return err
}

// DataMap implements [UserRepository].
func (u *Users) DataMap(ctx context.Context, user, node string) (map[string]string, error) {
	out := map[string]string{}
	err := u.ask(ctx, "read data", user, node, func(ctx context.Context, s session, p place) error {
		rows, err := s.rows(ctx, "SELECT pkey, pval FROM tig_pairs WHERE nid = ? ORDER BY pid", p.nid)
		pairs, err := collect(rows, err, func(s scanner) (pair [2]sql.NullString, err error) { return pair, s.Scan(&pair[0], &pair[1]) })
		for _, pair := range pairs {
			out[pair[0].String] = pair[1].String
		}
		return err
	})
	return out, err
}

// Keys implements [UserRepository].
func (u *Users) Keys(ctx context.Context, user, node string) (out []string, err error) {
	err = u.ask(ctx, "list keys", user, node, func(ctx context.Context, s session, p place) error {
		out, err = s.names(ctx, "SELECT pkey FROM tig_pairs WHERE nid = ? GROUP BY pkey ORDER BY min(pid)", p.nid)
		return err
	})
	return out, err
}

// Subnodes implements [UserRepository].
func (u *Users) Subnodes(ctx context.Context, user, node string) (out []string, err error) {
	err = u.ask(ctx, "list nodes", user, node, func(ctx context.Context, s session, p place) error {
		out, err = s.names(ctx, "SELECT node FROM tig_nodes WHERE parent_nid = ? AND uid = ? ORDER BY nid", p.nid, p.uid)
		return err
	})
	return out, err
}

// AddUser implements [UserRepository].
func (u *Users) AddUser(ctx context.Context, user string) error {
	err := u.ds.transact(ctx, func(ctx context.Context, s session) error {
		err := u.addUser(ctx, s, user)
		if duplicate(err) {
			return ErrUserExists
		}
		return err
	})
	return u.failed("add", user, err)
}

// RemoveUser implements [UserRepository].
func (u *Users) RemoveUser(ctx context.Context, user string) error {
	err := u.ds.transact(ctx, func(ctx context.Context, s session) error { return u.removeUser(ctx, s, user) })
	return u.failed("remove", user, err)
}

// SetData implements [UserRepository].
func (u *Users) SetData(ctx context.Context, user, node, key, value string) error {
	return u.change(ctx, "set data", user, node, func(ctx context.Context, s session, p place) error {
		return u.updatePairs(ctx, s, p.nid, p.uid, key, value)
	})
}

// SetDataMap implements [UserRepository].
func (u *Users) SetDataMap(ctx context.Context, user, node string, data map[string]string) error {
	return u.change(ctx, "set data", user, node, func(ctx context.Context, s session, p place) error {
		err := s.exec(ctx, "DELETE FROM tig_pairs WHERE nid = ?", p.nid)
		for _, key := range slices.Sorted(maps.Keys(data)) {
			if err == nil {
				err = add(ctx, s, p, key, []string{data[key]})
			}
		}
		return err
	})
}

// SetDataList implements [UserRepository].
func (u *Users) SetDataList(ctx context.Context, user, node, key string, values []string) error {
	return u.change(ctx, "set data", user, node, func(ctx context.Context, s session, p place) error {
		if err := s.exec(ctx, "DELETE FROM tig_pairs WHERE nid = ? AND pkey = ?", p.nid, key); err != nil {
			return err
		}
		return add(ctx, s, p, key, values)
	})
}

// AddDataList implements [UserRepository].
func (u *Users) AddDataList(ctx context.Context, user, node, key string, values []string) error {
	return u.change(ctx, "add data", user, node, func(ctx context.Context, s session, p place) error {
		return add(ctx, s, p, key, values)
	})
}

func add(ctx context.Context, s session, p place, key string, values []string) error {
	for _, v := range values {
		if err := s.exec(ctx, "INSERT INTO tig_pairs (nid, uid, pkey, pval) VALUES (?, ?, ?, ?)", p.nid, p.uid, key, v); err != nil {
			return err
		}
	}
	return nil
}

// RemoveData implements [UserRepository].
func (u *Users) RemoveData(ctx context.Context, user, node, key string) error {
	return u.erase(ctx, "remove data", user, node, func(ctx context.Context, s session, p place) error {
		return s.exec(ctx, "DELETE FROM tig_pairs WHERE nid = ? AND pkey = ?", p.nid, key)
	})
}

// RemoveSubnode implements [UserRepository].
func (u *Users) RemoveSubnode(ctx context.Context, user, node string) error {
	if len(path(node)) == 0 {
		return nil
	}
	return u.erase(ctx, "remove node", user, node, removeTree)
}

// removeTree removes what is below a node first.
func removeTree(ctx context.Context, s session, p place) error {
	rows, err := s.rows(ctx, "SELECT nid FROM tig_nodes WHERE parent_nid = ? AND uid = ?", p.nid, p.uid)
	children, err := collect(rows, err, func(s scanner) (nid int64, err error) { return nid, s.Scan(&nid) })
	for _, nid := range children {
		if err == nil {
			err = removeTree(ctx, s, place{p.uid, nid})
		}
	}
	for _, table := range []string{"tig_pairs", "tig_nodes"} {
		if err == nil {
			err = s.exec(ctx, "DELETE FROM "+table+" WHERE nid = ?", p.nid)
		}
	}
	return err
}

// erase runs a change at a node that need not be there.
func (u *Users) erase(ctx context.Context, what, user, node string, do func(context.Context, session, place) error) error {
	err := u.ds.transact(ctx, func(ctx context.Context, s session) error {
		p, err := u.find(ctx, s, user, node)
		if err != nil {
			return err
		}
		return do(ctx, s, p)
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return u.failed(what, user, err)
}

// change runs a change at a node, which is created with its user where it is
// missing. The node's row is locked: nothing else keeps programs from adding a
// key twice.
func (u *Users) change(ctx context.Context, what, user, node string, do func(context.Context, session, place) error) error {
	p, err := u.ensure(ctx, user, node)
	if err == nil {
		err = u.ds.transact(ctx, func(ctx context.Context, s session) error {
			var nid int64
			if err := s.row(ctx, "SELECT nid FROM tig_nodes WHERE nid = ?"+s.forUpdate, p.nid).Scan(&nid); err != nil {
				return err // removed since it was found, if there is no row
			}
			return do(ctx, s, p)
		})
	}
	return u.failed(what, user, err)
}

// ensure finds a node, or creates what is missing of its path. Where another
// program creates the same at once, one of them fails and looks again.
func (u *Users) ensure(ctx context.Context, user, node string) (p place, err error) {
	names := path(node)
	for tries := 0; ; tries++ {
		p, err = u.locate(ctx, user, node)
		if !errors.Is(err, ErrNotFound) || tries > len(names)+3 {
			return p, err
		}
		err = u.grow(ctx, user, names)
		if err != nil && !duplicate(err) && !errors.Is(err, ErrUserExists) {
			return p, err
		}
	}
}

// locate is find, by the connection that writes.
func (u *Users) locate(ctx context.Context, user, node string) (p place, err error) {
	err = u.ds.again(ctx, func(ctx context.Context) error {
		p, err = u.find(ctx, u.ds.writing(), user, node)
		return err
	})
	return p, err
}

// grow creates the first thing that is missing on the way to a node: the user,
// its root, or the next node.
func (u *Users) grow(ctx context.Context, user string, names []string) error {
	for n := range len(names) + 1 {
		p, err := u.locate(ctx, user, strings.Join(names[:n], "/"))
		switch {
		case err == nil:
			continue
		case !errors.Is(err, ErrNotFound):
			return err
		case p.uid <= 0:
			return u.AddUser(ctx, user)
		}
		return u.ds.transact(ctx, func(ctx context.Context, s session) error {
			if n == 0 {
				return addRoot(ctx, s, p.uid)
			}
			parent, err := u.find(ctx, s, user, strings.Join(names[:n-1], "/"))
			if err != nil {
				return err
			}
			return u.addNode(ctx, s, parent.nid, parent.uid, names[n-1])
		})
	}
	return nil
}

// addRoot repairs a user without a root. The user's row is locked, because
// several roots are not ruled out by a key.
func addRoot(ctx context.Context, s session, uid int64) error {
	var n int
	if err := s.row(ctx, "SELECT uid FROM tig_users WHERE uid = ?"+s.forUpdate, uid).Scan(&uid); err != nil {
		return err
	}
	err := s.row(ctx, "SELECT count(*) FROM tig_nodes WHERE uid = ? AND parent_nid IS NULL", uid).Scan(&n)
	if err != nil || n > 0 {
		return err
	}
	return s.exec(ctx, "INSERT INTO tig_nodes (parent_nid, uid, node) VALUES (NULL, ?, 'root')", uid)
}
