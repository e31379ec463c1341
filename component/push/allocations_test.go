//go:build !race

// Under the race detector, pools forget some of what they hold, on purpose: what
// is allocated is exact without it only.

package push

import (
	"os"
	"testing"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
)

// TestAllocations holds what a publish may allocate: reading it, and the use
// case without store and push service.
func TestAllocations(t *testing.T) {
	text, err := os.ReadFile("testdata/stanzas/ejabberd-publish-body-and-sender.xml")
	if err != nil {
		t.Fatal(err)
	}
	e, err := streamOf(t, string(text), 1).Read()
	if err != nil {
		t.Fatal(err)
	}
	q := e.IQ()
	read := testing.AllocsPerRun(200, func() {
		if _, err := parsePublish(q, new(providers.Notification)); err != nil {
			t.Fatal(err)
		}
	})
	w := newWorld(t, nil)
	w.service.devices = &manyDevices{Devices: w.devices, all: []repository.Device{{Service: service, Account: "ala@example.com", Node: "n1",
		Provider: "tigase:messenger:apns:1", Token: "AABB"}}}
	publish := testing.AllocsPerRun(200, func() {
		if err := w.service.Publish(t.Context(), service, "n1", &providers.Notification{Sender: "ola@example.org/x", Body: "hi"}); err != nil {
			t.Fatal(err)
		}
		w.phones.got, w.phones.to, w.phones.used = w.phones.got[:0], w.phones.to[:0], w.phones.used[:0]
	})
	if read > maxRead || publish > maxPublish {
		t.Errorf("reading allocates %.0f times, at most %d; publishing %.0f times, at most %d", read, maxRead, publish, maxPublish)
	}
}

// What it was when the limits were set; less is better.
const maxRead, maxPublish = 6, 5
