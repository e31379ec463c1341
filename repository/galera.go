package repository

import (
	"context"
	"errors"
)

// unknownVariable is the answer of a server that is no MariaDB.
const unknownVariable = 1193

// byNodeCaughtUp looks a node up once more, of which nothing was found. A node of
// a Galera cluster may be behind the others by what they have just written: "no
// such device" is said only when it has caught up.
func (r *Devices) byNodeCaughtUp(ctx context.Context, args []any) (out []Device, err error) {
	if r.ds.alone.Load() {
		return nil, nil
	}
	c, err := r.ds.read.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	s := session{c, r.ds.dialect}
	if err := s.exec(ctx, "SET SESSION wsrep_sync_wait = 1"); err != nil {
		if number, _ := code(err); number == unknownVariable {
			r.ds.alone.Store(true)
			return nil, nil
		}
		return nil, err
	}
	defer func() {
		err = errors.Join(err, s.exec(ctx, "SET SESSION wsrep_sync_wait = DEFAULT"))
	}()
	rows, err := s.rows(ctx, r.query, args...)
	out, err = collect(rows, err, scanDevice)
	for i := 0; i < len(out) && err == nil; i++ {
		err = r.attach(ctx, s, &out[i])
	}
	return out, err
}
