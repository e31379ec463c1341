package repository

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
)

// openUsers opens the user repository of a database as two commands do: schema
// install, then run.
func openUsers(t testing.TB, uri string) *Users {
	t.Helper()
	ds := openSource(t, uri)
	u := NewUsers(ds)
	if _, err := ds.InstallSchema(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := ds.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return u
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestUserData(t *testing.T) {
	databases(t, func(t *testing.T, uri string) {
		u, ctx := openUsers(t, uri), t.Context()
		if _, err := u.Data(ctx, "ala@example.com", "", "key"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a missing user: %v", err)
		}
		ok(t, u.SetData(ctx, "ala@example.com", "", "key", "1"))
		ok(t, u.SetData(ctx, "ALA@example.com", "/", "key", "2 😀"))
		if got, err := u.Data(ctx, "ala@example.com", "", "key"); err != nil || got != "2 😀" {
			t.Errorf("got %q, %v", got, err)
		}
		if _, err := u.Data(ctx, "ala@example.com", "", "other"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a missing key: %v", err)
		}
		ok(t, u.SetData(ctx, "ala@example.com", "a/b", "key", "deep"))
		if got, err := u.Data(ctx, "ala@example.com", "//a//b/", "key"); err != nil || got != "deep" {
			t.Errorf("got %q, %v", got, err)
		}
		if got, err := u.Subnodes(ctx, "ala@example.com", ""); err != nil || !slices.Equal(got, []string{"a"}) {
			t.Errorf("subnodes %v, %v", got, err)
		}
		ok(t, u.RemoveSubnode(ctx, "ala@example.com", "a"))
		ok(t, u.RemoveSubnode(ctx, "ala@example.com", ""))
		if _, err := u.Data(ctx, "ala@example.com", "a/b", "key"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a removed node: %v", err)
		}
		ok(t, u.RemoveData(ctx, "ala@example.com", "", "key"))
		ok(t, u.RemoveData(ctx, "nobody@example.com", "", "key"))
		if got, err := u.Keys(ctx, "ala@example.com", ""); err != nil || len(got) != 0 {
			t.Errorf("keys %v, %v", got, err)
		}
	})
}

func TestUserLists(t *testing.T) {
	databases(t, func(t *testing.T, uri string) {
		u, ctx := openUsers(t, uri), t.Context()
		ok(t, u.AddDataList(ctx, "ala@example.com", "n", "list", []string{"b", "a"}))
		ok(t, u.AddDataList(ctx, "ala@example.com", "n", "list", []string{"a"}))
		if got, err := u.DataList(ctx, "ala@example.com", "n", "list"); err != nil || !slices.Equal(got, []string{"b", "a", "a"}) {
			t.Errorf("list %v, %v", got, err)
		}
		ok(t, u.SetDataList(ctx, "ala@example.com", "n", "list", []string{"x", "y"}))
		ok(t, u.SetData(ctx, "ala@example.com", "n", "k", "v"))
		if got, err := u.Keys(ctx, "ala@example.com", "n"); err != nil || !slices.Equal(got, []string{"list", "k"}) {
			t.Errorf("keys %v, %v", got, err)
		}
		if got, err := u.DataMap(ctx, "ala@example.com", "n"); err != nil || fmt.Sprint(got) != "map[k:v list:y]" {
			t.Errorf("map %v, %v", got, err)
		}
	})
}

func TestUsers(t *testing.T) {
	databases(t, func(t *testing.T, uri string) {
		u, ctx := openUsers(t, uri), t.Context()
		ok(t, u.AddUser(ctx, "Ala@example.com"))
		if err := u.AddUser(ctx, "ala@example.com"); !errors.Is(err, ErrUserExists) {
			t.Errorf("added twice: %v", err)
		}
		ok(t, u.SetData(ctx, "ala@example.com", "a/b", "k", "v"))
		odd := "'; drop table tig_users; --"
		ok(t, u.SetData(ctx, odd, "it's", "k\"", "v"))
		for user, want := range map[string]bool{"ala@example.com": true, "ALA@EXAMPLE.COM": true, odd: true, "bob": false} {
			if got, err := u.UserExists(ctx, user); err != nil || got != want {
				t.Errorf("%s: %v, %v", user, got, err)
			}
		}
		ok(t, u.RemoveUser(ctx, "ala@example.com"))
		ok(t, u.RemoveUser(ctx, "ala@example.com"))
		if got, err := u.UserExists(ctx, "ala@example.com"); err != nil || got {
			t.Errorf("after removal: %v, %v", got, err)
		}
		if got, err := u.Data(ctx, odd, "it's", "k\""); err != nil || got != "v" {
			t.Errorf("the other user's data: %q, %v", got, err)
		}
	})
}

// TestOneRowForAKeySetAtOnce is why a set locks the node: Tigase's own routine
// leaves several rows.
func TestOneRowForAKeySetAtOnce(t *testing.T) {
	databases(t, func(t *testing.T, uri string) {
		programs := []*Users{openUsers(t, uri), openUsers(t, uri)}
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				for k := range 5 {
					if err := programs[i%2].SetData(t.Context(), "push-component", fmt.Sprintf("n%d/deep", k), "key", "v"); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		for k := range 5 {
			if got, err := programs[0].DataList(t.Context(), "push-component", fmt.Sprintf("n%d/deep", k), "key"); err != nil || len(got) != 1 {
				t.Errorf("%d rows, %v", len(got), err)
			}
		}
		if got, err := programs[0].Subnodes(t.Context(), "push-component", ""); err != nil || len(got) != 5 {
			t.Errorf("nodes %v, %v", got, err)
		}
	})
}

func TestTextsThatDoNotFit(t *testing.T) {
	databases(t, func(t *testing.T, uri string) {
		u, ctx := openUsers(t, uri), t.Context()
		long := string(make([]byte, 300))
		if u.ds.engine == sqliteEngine {
			t.Log("SQLite has no limits here")
			return
		}
		if err := u.SetData(ctx, "a", "", long, "v"); !errors.Is(err, ErrInvalid) {
			t.Errorf("a long key: %v", err)
		}
		if err := u.SetData(ctx, "a", "", "k", "\xff\xfe"); !errors.Is(err, ErrInvalid) {
			t.Errorf("no UTF-8: %v", err)
		}
	})
}
