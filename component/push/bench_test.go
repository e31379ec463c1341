package push

import (
	"testing"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
)

// BenchmarkServicePublish is what a publish costs in the use cases, without
// stanza, store and push service.
func BenchmarkServicePublish(b *testing.B) {
	w := newWorld(b, nil)
	w.service.devices = &manyDevices{Devices: w.devices, all: []repository.Device{{Service: service, Account: "ala@example.com", Node: "n1",
		Provider: "tigase:messenger:apns:1", Token: "AABB"}}}
	b.ReportAllocs()
	for b.Loop() {
		if err := w.service.Publish(b.Context(), service, "n1", &providers.Notification{Sender: "ola@example.org/x", Body: "hi"}); err != nil {
			b.Fatal(err)
		}
		w.phones.got, w.phones.to, w.phones.used = w.phones.got[:0], w.phones.to[:0], w.phones.used[:0]
	}
}
