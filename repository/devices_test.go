package repository

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func key(token string) Key {
	return Key{Service: "push.example.com", Account: "Ala@example.com", Providers: []string{"apns", "old-apns"}, Token: token}
}

func register(t testing.TB, d *Devices, k Key, second, node string) Device {
	t.Helper()
	got, err := d.Register(t.Context(), k, second, node)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func byNode(t testing.TB, d *Devices, node string) []Device {
	t.Helper()
	got, err := d.ByNode(t.Context(), "push.example.com", node)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestRegisterAndRestart(t *testing.T) {
	engines(t, func(t *testing.T, open func() *Devices) {
		first := register(t, open(), key("AB"), "voip1", "n1")
		again := open() // as a restart does
		got := byNode(t, again, "n1")
		if len(got) != 1 || got[0] != first || got[0].SecondToken != "voip1" || got[0].Account != "Ala@example.com" {
			t.Fatalf("after a restart: %+v, want %+v", got, first)
		}
		if second := register(t, again, key("AB"), "", "n2"); second.Node != "n1" || second.SecondToken != "" {
			t.Errorf("registered again: %+v, want node n1 and no second token", second)
		}
		if got := byNode(t, again, "n2"); len(got) != 0 {
			t.Errorf("the second registration made a node of its own: %+v", got)
		}
		if got := byNode(t, again, "N1"); len(got) != 0 {
			t.Errorf("nodes are compared without regard to case")
		}
		if got, err := again.ByNode(t.Context(), "other.example.com", "n1"); err != nil || len(got) != 0 {
			t.Errorf("another service's node: %+v, %v", got, err)
		}
	})
}

func TestCaseAndAliases(t *testing.T) {
	engines(t, func(t *testing.T, open func() *Devices) {
		d := open()
		register(t, d, Key{Service: "push.example.com", Account: "ala@example.com", Providers: []string{"old-apns"}, Token: "ab12"}, "", "n1")
		k := key("AB12")
		if _, err := d.Find(t.Context(), k); !errors.Is(err, ErrNotFound) {
			t.Errorf("found without regard to case: %v", err)
		}
		k.AnyCase = true
		if got := register(t, d, k, "", "n2"); got.Node != "n1" || got.Provider != "old-apns" {
			t.Errorf("got %+v, want the device that is registered under the alias", got)
		}
	})
}

func TestUnregister(t *testing.T) {
	engines(t, func(t *testing.T, open func() *Devices) {
		d := open()
		register(t, d, key("AB"), "", "n1")
		register(t, d, key("CD"), "", "n2")
		if _, err := d.Unregister(t.Context(), key("AB")); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Unregister(t.Context(), key("AB")); !errors.Is(err, ErrNotFound) {
			t.Errorf("unregistered twice: %v", err)
		}
		if len(byNode(t, d, "n1")) != 0 || len(byNode(t, d, "n2")) != 1 {
			t.Error("the wrong device is gone")
		}
		graves, err := d.Tombstones(t.Context(), "push.example.com", "ala@example.com")
		if err != nil || len(graves) != 1 || graves[0].Why != ReasonUnregistered || graves[0].TokenHash != tokenHash("AB") {
			t.Errorf("tombstones %+v, %v", graves, err)
		}
		register(t, d, key("AB"), "", "n3")
		if graves, _ := d.Tombstones(t.Context(), "push.example.com", "ala@example.com"); len(graves) != 0 {
			t.Errorf("a registered device has a tombstone: %+v", graves)
		}
	})
}

func TestRemoveSparesADeviceRegisteredAgain(t *testing.T) {
	engines(t, func(t *testing.T, open func() *Devices) {
		d := open()
		old := register(t, d, key("AB"), "", "n1")
		for old.Registered.Equal(time.Now().UTC().Truncate(time.Millisecond)) {
		}
		register(t, d, key("AB"), "", "n1")
		if err := d.Remove(t.Context(), old, ReasonGone); !errors.Is(err, ErrNotFound) {
			t.Errorf("error %v", err)
		}
		if len(byNode(t, d, "n1")) != 1 {
			t.Error("the device is gone")
		}
	})
}

func TestOutcomes(t *testing.T) {
	engines(t, func(t *testing.T, open func() *Devices) {
		d := open()
		register(t, d, key("AB"), "voip", "n1")
		note := func(o Outcome) Device {
			t.Helper()
			o.Time = time.Now().UTC().Truncate(time.Millisecond)
			if err := d.NoteOutcome(t.Context(), byNode(t, d, "n1")[0], o); err != nil {
				t.Fatal(err)
			}
			return byNode(t, d, "n1")[0]
		}
		if got := note(Outcome{Reason: "Shutdown", PushID: "p1"}); got.LastFailure.Reason != "Shutdown" || got.LastFailure.PushID != "p1" || got.LastFailure.Time.IsZero() {
			t.Errorf("after a failure: %+v", got)
		}
		if got := note(Outcome{Reason: "Shutdown", PushID: "p2"}); got.LastFailure.PushID != "p1" {
			t.Errorf("the same failure was written again: %+v", got)
		}
		got := note(Outcome{Accepted: true, Sandbox: true})
		if got.LastAccepted.IsZero() || got.LastFailure != (Failure{}) || !got.Sandbox {
			t.Errorf("after success: %+v", got)
		}
		if got.SecondToken != "voip" {
			t.Errorf("the second token is lost: %+v", got)
		}
		if err := d.ClearSecondToken(t.Context(), Device{Service: got.Service, Account: got.Account, Provider: got.Provider, Token: got.Token, SecondToken: "other"}); err != nil {
			t.Fatal(err)
		}
		if byNode(t, d, "n1")[0].SecondToken != "voip" {
			t.Error("another second token was cleared")
		}
		if err := d.ClearSecondToken(t.Context(), got); err != nil {
			t.Fatal(err)
		}
		if byNode(t, d, "n1")[0].SecondToken != "" {
			t.Error("the second token is still there")
		}
	})
}

func TestOneRowForADeviceRegisteredAtOnce(t *testing.T) {
	engines(t, func(t *testing.T, open func() *Devices) {
		programs := []*Devices{open(), open()}
		nodes := make([]string, 32)
		var all sync.WaitGroup
		for i := range nodes {
			all.Go(func() {
				d, err := programs[i%2].Register(t.Context(), key("AB"), "", fmt.Sprintf("n%d", i))
				if err != nil {
					t.Error(err)
				}
				nodes[i] = d.Node
			})
		}
		all.Wait()
		got, err := programs[0].ByAccount(t.Context(), "push.example.com", "ala@example.com")
		if err != nil || len(got) != 1 {
			t.Fatalf("%d rows, %v; want one", len(got), err)
		}
		for _, n := range nodes {
			if n != got[0].Node {
				t.Errorf("a caller was told node %s, the row has %s", n, got[0].Node)
			}
		}
	})
}

func TestOddTexts(t *testing.T) {
	engines(t, func(t *testing.T, open func() *Devices) {
		d := open()
		for i, k := range []Key{
			{Service: "push.example.com", Account: "'; drop table tig_push_devices; --@a", Providers: []string{"p"}, Token: "a'b\"c\\"},
			{Service: "push.example.com", Account: strings.Repeat("x", 1990) + "@a", Providers: []string{"p"}, Token: strings.Repeat("t", 4000)},
			{Service: "push.example.com", Account: "żółw@a", Providers: []string{"p"}, Token: "😀"},
			{Service: "push.example.com", Account: "b@a", Providers: []string{"p"}, Token: "Tok"},
			{Service: "push.example.com", Account: "b@a", Providers: []string{"p"}, Token: "tok"},
		} {
			node := fmt.Sprintf("odd%d", i)
			register(t, d, k, "", node)
			if got := byNode(t, d, node); len(got) != 1 || got[0].Token != k.Token || got[0].Account != k.Account {
				t.Errorf("%.20q came back as %+v", k.Account, got)
			}
		}
		for _, k := range []Key{
			{Service: "s", Account: "a", Providers: []string{"p"}, Token: strings.Repeat("x", 8192)},
			{Service: "s", Account: "a", Providers: []string{"p"}, Token: "zero\x00byte"},
			{Service: "s", Account: "a", Providers: []string{"p"}, Token: "\xff"},
			{Service: "s", Account: strings.Repeat("a", 2050), Providers: []string{"p"}, Token: "t"},
			{Service: "s", Account: "a", Token: "t"},
		} {
			if _, err := d.Register(t.Context(), k, "", "n"); !errors.Is(err, ErrInvalid) {
				t.Errorf("%.20q %.20q: error %v", k.Account, k.Token, err)
			}
		}
		if got := byNode(t, d, "\x00\xff'; --"); len(got) != 0 {
			t.Errorf("an odd node has devices: %v", got)
		}
	})
}

func TestStartErrors(t *testing.T) {
	for uri, want := range map[string]string{
		"jdbc:mysql://no-such-host.invalid/db?user=u&password=hunter2": "look at",
		"jdbc:mysql://127.0.0.1:1/db?user=u&password=hunter2":          "look at host and port in 'uri'",
		"jdbc:postgresql://127.0.0.1:1/db?user=u&password=hunter2":     "look at host and port in 'uri'",
		"jdbc:sqlite:/proc/none/tpush.db":                              "uri:",
	} {
		ds, err := Open("default", config(uri), t.TempDir(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ds.Use(DeviceTables)
		err = ds.Start(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) && !strings.Contains(err.Error(), "not known") {
			t.Errorf("%s: error %v, want one that says %q", uri, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Error("the error shows the password")
		}
		if err := ds.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestNobodyElseReadsTheDatabase(t *testing.T) {
	d := openDevices(t, "jdbc:sqlite:x.db")
	register(t, d, key("AB"), "", "n1")
	files, err := filepath.Glob(d.ds.loc.file + "*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
}

// TestByNodeAtOnce asks for many nodes at a time, while devices come and go.
func TestByNodeAtOnce(t *testing.T) {
	engines(t, func(t *testing.T, open func() *Devices) {
		d := open()
		const nodes = 40
		want := make([]Device, nodes)
		for i := range want {
			want[i] = register(t, d, key(fmt.Sprint("token", i)), fmt.Sprint("second", i), fmt.Sprint("n", i))
		}
		var all, writer sync.WaitGroup
		stop := make(chan struct{})
		writer.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if got, err := d.Register(t.Context(), key("other"), "", fmt.Sprint("other", i)); err != nil {
					t.Error(err)
					return
				} else if err := d.Remove(t.Context(), got, ReasonAdmin); err != nil {
					t.Error(err)
					return
				}
			}
		})
		for w := range 64 {
			all.Go(func() {
				for i := range 50 {
					n := (w + i) % (nodes + 1)
					got, err := d.ByNode(t.Context(), "push.example.com", fmt.Sprint("n", n))
					switch {
					case err != nil:
						t.Error(err)
					case n == nodes && len(got) != 0, n < nodes && (len(got) != 1 || got[0] != want[n]):
						t.Errorf("node n%d: %+v", n, got)
					}
				}
			})
		}
		all.Wait()
		close(stop)
		writer.Wait()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
}
