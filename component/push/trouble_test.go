package push

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tpush/tpush/providers"
	"mellium.im/xmpp/stanza"
)

// Requests that fail because the database is away are answered as passing
// failures, and the log says why, once for each kind of request.
func TestStoreTroubleIsLogged(t *testing.T) {
	w := newWorld(t, nil)
	node := w.register("AABB", "")
	if err := errors.Join(w.devices.Close(), w.source.Close()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		want(t, "publish", w.ask(stanza.SetIQ, "example.com", publish(node, message)), wait)
		want(t, "registration", w.ask(stanza.SetIQ, phone, deviceForm("register-device", "apns-binary-api", "AACC", "")), wait)
	}
	for _, line := range []string{"request=pubsub", "request=command"} {
		if n := strings.Count(w.text.String(), line); n != 1 {
			t.Errorf("%d lines with %s in the log:\n%s", n, line, w.text)
		}
	}
}

// A push service's refusal has its own line, and no second one.
func TestPushTroubleIsLoggedOnce(t *testing.T) {
	w := newWorld(t, nil)
	node := w.register("AABB", "")
	w.phones.answers["AABB"] = &providers.Error{Kind: providers.Temporary, Status: 503}
	want(t, "publish", w.ask(stanza.SetIQ, "example.com", publish(node, message)), wait)
	if text := w.text.String(); strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, "push not accepted") {
		t.Errorf("log:\n%s", text)
	}
}

// Notices to administrators are from the component's address, also when that is
// known only once the connections have been read from the database.
func TestNoticesWaitForTheAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent sentStanzas
		known := time.Now().Add(noticePause)
		s := &Service{cfg: Config{Admins: []string{"admin@example.com"}}, log: slog.New(slog.DiscardHandler)}
		s.SendThrough(&sent, func() string {
			if time.Now().Before(known) {
				return ""
			}
			return service
		})
		s.tellAdmins(t.Context(), "the certificate expires")
		if len(sent.all) != 1 || !strings.Contains(sent.all[0], "from='"+service+"'") || !strings.Contains(sent.all[0], "the certificate expires") {
			t.Errorf("sent: %q", sent.all)
		}
	})
}
