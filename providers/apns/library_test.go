package apns

import (
	"maps"
	"slices"
	"testing"

	"github.com/tpush/tpush/providers"
)

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
		if a.Path != b.Path || string(a.Payload) != string(b.Payload) || !maps.EqualFunc(a.Header, b.Header, slices.Equal[[]string]) {
			t.Errorf("ours\n%+v\n%s\nlibrary\n%+v\n%s", a.Header, a.Payload, b.Header, b.Payload)
		}
	}
}
