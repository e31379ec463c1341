package push

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
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

// stuckStore is a store that finds devices and takes no outcome.
type stuckStore struct {
	manyDevices
	full bool // it says so at once; otherwise it hangs
}

func (s *stuckStore) NoteOutcome(ctx context.Context, _ repository.Device, _ repository.Outcome) error {
	if s.full {
		return errors.New("disk full")
	}
	<-ctx.Done()
	return ctx.Err()
}

func devicesOfOneNode(n int) (all []repository.Device) {
	for i := range n {
		all = append(all, repository.Device{Service: service, Account: "ala@example.com", Node: "n1", Provider: "tigase:messenger:apns:1", Token: fmt.Sprint(i)})
	}
	return all
}

// A store that takes no outcomes does not fill the log.
func TestOutcomesNotStoredAreLoggedOnce(t *testing.T) {
	w := newWorld(t, nil)
	w.service.devices = &stuckStore{manyDevices{w.devices, devicesOfOneNode(3)}, true}
	for range 3 {
		if err := w.service.Publish(t.Context(), service, "n1", &providers.Notification{Body: "hi"}); err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(w.text.String(), "outcome of a push not stored"); n != 1 {
		t.Errorf("%d lines in the log, want 1:\n%s", n, w.text)
	}
}

// However a push service and the store hang, a publish ends soon after the time
// that the request has: 25 s from when it was read, of which some have passed.
func TestPublishEndsInTime(t *testing.T) {
	for _, devices := range []int{1, 20} {
		for _, left := range []time.Duration{26 * time.Second, 16 * time.Second, time.Second} {
			synctest.Test(t, func(t *testing.T) {
				l := slog.New(slog.DiscardHandler)
				p := &phones{info: providers.Info{ID: "tigase:messenger:apns:1"}, gate: make(chan struct{})}
				set, err := providers.NewSet(l, providers.DefaultOptions(), p)
				if err != nil {
					t.Fatal(err)
				}
				s := NewService(Parts{Name: "push", Devices: &stuckStore{manyDevices{nil, devicesOfOneNode(devices)}, false}, Providers: set, Log: l}, Defaults())
				ctx, cancel := context.WithTimeout(t.Context(), left)
				defer cancel()
				began := time.Now()
				err = s.Publish(ctx, service, "n1", &providers.Notification{Body: "hi"})
				if took := time.Since(began); err == nil || took > left+storeTime {
					t.Errorf("%d devices and %v: %v after %v, want a failure after %v at most", devices, left, err, took, left+storeTime)
				}
			})
		}
	}
}
