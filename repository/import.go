package repository

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Import stores devices as they are, with their nodes and times, in one
// transaction: all of them or none. A device that is there already keeps its
// node, and one that was registered later than the imported one all it has. The error of a device that cannot be stored wraps [ErrInvalid].
func (r *Devices) Import(ctx context.Context, all []Device) error {
	if why := r.ds.layout.readOnly; why != "" {
		return fmt.Errorf("store devices: the table tig_push_devices takes no new devices: %s", why)
	}
	for i := range all {
		d := &all[i]
		if err := storable(Key{Service: d.Service, Account: d.Account, Providers: []string{d.Provider}, Token: d.Token}, d.SecondToken, d.Node); err != nil {
			return fmt.Errorf("device of %s: %w", d.Account, err)
		}
		if d.Service == "" || d.Account == "" || d.Node == "" || d.Provider == "" || d.Token == "" {
			return fmt.Errorf("device of %q: %w: service, account, node, provider or token is missing", d.Account, ErrInvalid)
		}
	}
	err := r.ds.transact(ctx, func(ctx context.Context, s session) error {
		if tx, ok := s.conn.(preparer); ok {
			s.conn = &prepared{tx, map[string]*sql.Stmt{}}
		}
		for _, d := range all { // a copy: the transaction may be tried again
			newer, err := r.newer(ctx, s, &d)
			if err != nil {
				return err
			}
			if newer {
				continue
			}
			if err := r.register(ctx, s, &d); err != nil {
				return err
			}
			if d.LastAccepted.IsZero() {
				continue
			}
			if err := r.setData(ctx, s, &d, []string{"accepted_ms", "sandbox"}, toMillis(d.LastAccepted), d.Sandbox); err != nil {
				return err
			}
		}
		return nil
	})
	return r.failed("store devices", err)
}

// newer reports whether a device was registered later than it says.
func (r *Devices) newer(ctx context.Context, s session, d *Device) (bool, error) {
	var registered int64
	err := s.row(ctx, "SELECT registered_ms FROM "+r.ds.layout.data()+whereData, dataRow(d)...).Scan(&registered)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return registered > toMillis(d.Registered), err
}
