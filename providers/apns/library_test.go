package apns

import (
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/apns/apnstest"
)

// expires is when a push expires, in seconds.
func expires(p apnstest.Push) int64 {
	n, _ := strconv.ParseInt(p.Header.Get("Apns-Expiration"), 10, 64)
	return n
}

// TestSameAsLibrary: the requests made here and those through apns2 on x/net's
// transport are the same.
func TestSameAsLibrary(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	ours := provider(t, cfg, home)
	cfg.Transport = transportStandard
	library := provider(t, cfg, home)
	for _, n := range []providers.Notification{plain(), call(), {ID: pushID, Account: account, Priority: providers.Low}} {
		for _, p := range []*Provider{ours, library} {
			if err := p.Push(t.Context(), target(), n); err != nil {
				t.Fatal(err)
			}
		}
		pushes := s.Pushes()
		a, b := pushes[len(pushes)-2], pushes[len(pushes)-1]
		delete(b.Header, "User-Agent") // Go's, which x/net adds
		if expires(a) <= expires(b) && expires(b)-expires(a) < 60 {
			b.Header["Apns-Expiration"] = a.Header["Apns-Expiration"] // a second has passed
		}
		if a.Path != b.Path || string(a.Payload) != string(b.Payload) || !maps.EqualFunc(a.Header, b.Header, slices.Equal[[]string]) {
			t.Errorf("ours\n%+v\n%s\nlibrary\n%+v\n%s", a.Header, a.Payload, b.Header, b.Payload)
		}
	}
}
