package repository

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestAllAndCounts(t *testing.T) {
	engines(t, func(t *testing.T, open func() *Devices) {
		d := open()
		want := map[string]Device{}
		for i := range 30 {
			k := key(fmt.Sprint("token", i))
			k.Service = []string{"push.example.com", "push.old.example.com"}[i%2]
			k.Providers = []string{[]string{"apns", "fcm"}[i%3/2]}
			want[k.Token] = register(t, d, k, "", fmt.Sprint("n", i))
		}
		for dev, err := range d.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if dev != want[dev.Token] {
				t.Errorf("got %+v, want %+v", dev, want[dev.Token])
			}
			delete(want, dev.Token)
		}
		if len(want) != 0 {
			t.Errorf("not listed: %v", want)
		}
		for range d.All(t.Context()) {
			break // what is not asked for is not read
		}
		counts, err := d.Counts(t.Context())
		if err != nil || fmt.Sprint(counts) != "[{push.example.com apns 10} {push.example.com fcm 5} {push.old.example.com apns 10} {push.old.example.com fcm 5}]" {
			t.Errorf("counts %v, %v", counts, err)
		}
		services, err := d.Services(t.Context())
		if slices.Sort(services); err != nil || fmt.Sprint(services) != "[push.example.com push.old.example.com]" {
			t.Errorf("services %v, %v", services, err)
		}
		if n, err := d.Under(t.Context(), "PUSH.example.com"); err != nil || n != 15 {
			t.Errorf("%d devices under a service, %v", n, err)
		}
		if n, err := d.Number(t.Context()); err != nil || n != 30 {
			t.Errorf("%d devices, %v", n, err)
		}
		if got, err := d.ByToken(t.Context(), []string{"apns", "fcm"}, "token3"); err != nil || len(got) != 1 || got[0].Node != "n3" {
			t.Errorf("by token: %+v, %v", got, err)
		}
		if got, err := d.ByToken(t.Context(), []string{"fcm"}, "token3"); err != nil || len(got) != 0 {
			t.Errorf("by token of another provider: %+v, %v", got, err)
		}
	})
}

func TestTombstones(t *testing.T) {
	engines(t, func(t *testing.T, open func() *Devices) {
		d, ctx := open(), t.Context()
		k := key("AbC")
		if _, err := d.TombstoneOf(ctx, k); !errors.Is(err, ErrNotFound) {
			t.Errorf("never registered: %v", err)
		}
		dev := register(t, d, k, "", "n1")
		ok(t, d.Remove(ctx, dev, ReasonGone))
		if err := d.Remove(ctx, dev, ReasonGone); !errors.Is(err, ErrNotFound) {
			t.Errorf("removed twice: %v", err)
		}
		if got, err := d.TombstoneOf(ctx, k); err != nil || got.Why != ReasonGone || got.Provider != "apns" || time.Since(got.Time) > time.Minute {
			t.Errorf("tombstone %+v, %v", got, err)
		}
		other := k
		other.Token = "ABC"
		if _, err := d.TombstoneOf(ctx, other); !errors.Is(err, ErrNotFound) {
			t.Errorf("of another token: %v", err)
		}
		ok(t, d.purge(ctx))
		if _, err := d.TombstoneOf(ctx, k); err != nil {
			t.Errorf("a new tombstone was cleared away: %v", err)
		}
		ok(t, d.ds.writing().exec(ctx, "UPDATE tig_push_tombstones SET removed_ms = ?", toMillis(time.Now().Add(-graveTime-time.Hour))))
		if _, err := d.TombstoneOf(ctx, k); !errors.Is(err, ErrNotFound) {
			t.Errorf("an old tombstone: %v", err)
		}
		ok(t, d.purge(ctx))
		var n int
		if err := d.ds.reading().row(ctx, "SELECT count(*) FROM tig_push_tombstones").Scan(&n); err != nil || n != 0 {
			t.Errorf("%d tombstones after the clearing, %v", n, err)
		}
	})
}
