package ext

import (
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
	text := "push.example.com:s3cret:connect:5270:example.com;node1;node2:accept\n\nother.example.com:pw:accept:5271, third.example.com:x:connect:5347:localhost:accept:lb.Class:ssl\n"
	if err := os.WriteFile(filepath.Join(home, ItemsFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := Defaults()
	cfg.Items = []Item{{Domain: "Other.example.com", Password: "mine", Host: "h", Port: 1}}
	items, err := cfg.items(home)
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
		{"push.example.com:pw:dial:5347:h:accept", "connect or accept"},
		{"push.example.com::connect:5347:h:accept", "no password"},
		{"push.example.com:a:b:c:d:e:f:g:h", "secret cannot hold a colon"},
	} {
		items, err := parseItems([]byte(tc.line))
		if err == nil {
			cfg := Defaults()
			cfg.Items = items
			_, err = cfg.items(t.TempDir())
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one that says %q", tc.line, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), ":pw:") {
			t.Errorf("%s: the error shows the secret", tc.line)
		}
	}
}
