package ext

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestItemsFile(t *testing.T) {
	home := t.TempDir()
	if err := os.MkdirAll(filepath.Join(home, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "\ufeff# a comment\nwrong\npush.example.com:s3cret:connect:5270:example.com;node1;node2:accept\n\nother.example.com:pw:accept:5271, third.example.com:x:connect:5347:localhost:accept:lb.Class:ssl\n"
	if err := os.WriteFile(filepath.Join(home, ItemsFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := Defaults()
	cfg.Items = []Item{{Domain: "Other.example.com", Password: "mine", Host: "h", Port: 1}}
	items, err := cfg.items(home, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, it := range items {
		got = append(got, it.Domain+"="+it.Password+"="+strings.Join(it.addresses("localhost"), ",")+"="+it.Socket)
	}
	want := []string{"other.example.com=mine=h:1=", "push.example.com=s3cret=node1:5270,node2:5270=", "third.example.com=x=localhost:5347=ssl"}
	if !slices.Equal(got, want) {
		t.Errorf("items:\n got %q\nwant %q", got, want)
	}
	if _, err := os.Stat(filepath.Join(home, ItemsFile)); err != nil {
		t.Error("the items file is gone")
	}
}

func TestBadItems(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{"push.example.com", "reads domain:password"},
		{"push.example.com:pw:connect:x:h:accept", "is no number"},
		{"push.example.com:pw:connect::h:accept", "give the server's component port"},
		{"push.example.com:pw:connect:5347:h:client", "XEP-0225"},
		{"push.example.com:pw:connect:5347:h:accept::tls", "STARTTLS"},
		{"push.example.com:pw:connect:5347:h:connect", "it is accept"},
		{"push.example.com:pw:dial:5347:h:accept", "connect or accept"},
		{"push.example.com::connect:5347:h:accept", "no password"},
		{"push.example.com:a:b:c:d:e:f:g:h", "secret cannot hold a colon"},
	} {
		lines := parseItems([]byte(tc.line))
		if len(lines) != 1 {
			t.Fatalf("%s: %d items", tc.line, len(lines))
		}
		err := lines[0].err
		if err == nil {
			cfg := Defaults()
			cfg.Items = []Item{lines[0].item}
			_, err = cfg.items(t.TempDir(), slog.New(slog.DiscardHandler))
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one that says %q", tc.line, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), ":pw:") {
			t.Errorf("%s: the error shows the secret", tc.line)
		}
	}
}

func TestSeveralItemsOfADomain(t *testing.T) {
	a := Item{Domain: domain, Password: "1", Type: typeConnect, Host: "a", Port: 5347}
	b, other := a, a
	b.Host, other.Domain = "b", "other.example.com"
	if got, want := firsts([]Item{a, b, a}, []Item{{Domain: domain, Host: "c"}, other}), []Item{a, b, other}; !slices.Equal(got, want) {
		t.Errorf("items %+v, want %+v", got, want)
	}
	a.Type, a.Host = typeAccept, "example.com;x;y"
	if got := a.addresses("server"); !slices.Equal(got, []string{"server:5347"}) {
		t.Errorf("an accept item is dialled at %q", got)
	}
}

func TestWrongItemIsNamed(t *testing.T) {
	well := Item{Domain: domain, Password: "1", Port: 5347}
	for _, change := range []func(*Item){
		func(i *Item) { i.Port = 0 },
		func(i *Item) { i.Fingerprint = "12" },
	} {
		cfg := Defaults()
		wrong := well
		change(&wrong)
		cfg.Items = []Item{well, wrong, well}
		if _, err := New(cfg, t.TempDir(), slog.New(slog.DiscardHandler)); err == nil || !strings.HasPrefix(err.Error(), "items[2]: item "+domain+": ") {
			t.Errorf("error %v", err)
		}
	}
}
