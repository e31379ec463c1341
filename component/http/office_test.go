package http

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/tpush/tpush/component/push"
	"github.com/tpush/tpush/component/stats"
	"github.com/tpush/tpush/providers"
)

// office is a program with two providers and as much to tell as a test wants.
type office struct {
	mu          sync.Mutex
	providers   []push.ProviderState
	entries     []push.Entry
	connections []Connection
	stats       *stats.Set
	store       error
	asked       int // for the providers' state
}

// secret is a device token, which nothing may show.
const secret = "0A1B2C3D4E5F60718293A4B5C6D7E8F90A1B2C3D4E5F60718293A4B5C6D7E8F9"

func newOffice(now time.Time) *office {
	ago := func(d time.Duration) *time.Time { t := now.Add(-d); return &t }
	o := &office{stats: stats.New("push")}
	problem := func(d time.Duration, account, device, kind, reason string, status int, content string) push.Entry {
		return push.Entry{Time: now.Add(-d), Service: "push.example.com", Account: account, Device: device, Content: content, PushID: fmt.Sprint(d), Kind: kind, Reason: reason,
			Text: fmt.Sprintf("%s: status %d: %s", kind, status, reason), Status: status, Took: 45 * time.Millisecond}
	}
	o.entries = []push.Entry{
		problem(20*time.Second, "ala@example.com", "tigase:messenger:apns:1/9f86d081", "gone", "Unregistered", 410, "message"),
		problem(4*time.Minute, "<script>alert(1)</script>@example.com", "fcm-http-v1/60303ae2", "temporary", "UNAVAILABLE", 503, "encrypted message"),
		problem(9*time.Minute, "ola@example.org", "fcm-http-v1/fd61a03a", "throttled", "QUOTA_EXCEEDED", 429, "call"),
		problem(35*time.Minute, "ewa@example.com", "tigase:messenger:apns:1/a4e624d6", "doubtful", "BadDeviceToken", 400, "wake-up without content"),
	}
	o.entries[0].Removed = "gone"
	o.providers = []push.ProviderState{
		{ID: "tigase:messenger:apns:1", Label: "APNs", Devices: 18432, Accepted: 91204, Trusted: true, CallsTrusted: true, Expires: ago(-212 * 24 * time.Hour), Expiries: []providers.Expiry{{What: "cert-file", At: *ago(-212 * 24 * time.Hour)}, {What: "pushkit-cert-file", At: *ago(-20 * 24 * time.Hour), Calls: true}},
			LastError: o.entries[0].Text, LastErrorAt: ago(20 * time.Second), Problems: o.entries[:1]},
		{ID: "fcm-http-v1", Aliases: []string{"fcm-xmpp-api"}, Label: "FCM", Devices: 7310, Accepted: 30110, Trusted: true, LastError: o.entries[1].Text, LastErrorAt: ago(4 * time.Minute), Problems: o.entries[1:3]},
	}
	o.connections = []Connection{
		{Component: "push", Domain: "push.example.com", Server: "xmpp1.example.com:5347", Live: 2, Connects: 2, Since: now.Add(-76 * time.Hour)},
		{Component: "push", Domain: "push.example.com", Server: "xmpp2.example.com:5347", Live: 2, Connects: 5, TurnedAway: 7, Since: now.Add(-40 * time.Minute), Failure: "the server closed the stream: system-shutdown", FailureAt: now.Add(-41 * time.Minute)},
	}
	return o
}

func (o *office) program() *Program {
	return &Program{Version: "1.2.3", Started: time.Now().Add(-80 * time.Hour),
		Components: []Component{{
			Name: "push",
			Status: func(context.Context) []push.ProviderState {
				o.mu.Lock()
				defer o.mu.Unlock()
				o.asked++
				return o.providers
			},
			Explain: o.explain,
			Entries: func(n int, wanted func(*push.Entry) bool) (out []push.Entry) {
				for i := range o.entries {
					if wanted(&o.entries[i]) && len(out) < n {
						out = append(out, o.entries[i])
					}
				}
				return out
			},
			Samples: o.stats.Samples,
		}},
		Connections: func() []Connection { return o.connections },
		Store:       func(context.Context) error { return o.store },
	}
}

func (o *office) explain(_ context.Context, service, account string) (*push.Explanation, error) {
	if account == "broken@example.com" {
		return nil, errors.New("the store is away")
	}
	at := time.Now().Add(-time.Hour)
	return &push.Explanation{Account: account, Service: service, Conclusion: "APNs accepted the last push: look at the phone's settings.",
		Devices: []push.DeviceReport{{ID: "tigase:messenger:apns:1/9f86d081", Service: service, Node: "5f0e3c8a-0a55-4b7d-9b55-1f7a0f1c2d3e", Registered: &at, Calls: true, LastAccepted: &at,
			Conclusion: "APNs accepted the last push: look at the phone's settings.",
			Outcomes:   []push.Entry{{Time: at, Content: "message", Accepted: true, Took: 31 * time.Millisecond}, {Time: at, Content: "call", Kind: "temporary", Text: "temporary: status 503", Took: 9 * time.Second}}}},
		Removed: []push.Removal{{Device: "fcm-http-v1/60303ae2", Why: "gone", Time: at}}}, nil
}

func (o *office) publishes(outcome string) *stats.Counter {
	return o.stats.Counter(stats.Desc{Name: "Publishes " + outcome, Metric: "publishes_total", Help: "h", Labels: []stats.Label{{Name: "outcome", Value: outcome}}})
}

func (o *office) pushes(provider, outcome, reason string) *stats.Counter {
	return o.stats.Counter(stats.Desc{Name: provider + outcome + reason, Metric: "pushes_total", Help: "h",
		Labels: []stats.Label{{Name: "provider", Value: provider}, {Name: "outcome", Value: outcome}, {Name: "reason", Value: reason}}})
}

// hour fills a history with an hour's work that ends now.
func (o *office) hour(h *history, now time.Time) {
	took := map[string]*stats.Histogram{}
	for _, p := range o.providers {
		took[p.ID] = o.stats.Histogram(stats.Desc{Name: p.ID, Metric: "push_duration_seconds", Help: "h", Labels: []stats.Label{{Name: "provider", Value: p.ID}}})
	}
	for i := range historyPoints {
		x := float64(i) / float64(historyPoints)
		n := int(120 + 70*math.Sin(9*x) + 25*math.Sin(61*x) + 12*math.Sin(190*x))
		for _, part := range []struct {
			id, outcome, reason string
			n                   int
		}{{"tigase:messenger:apns:1", "accepted", "", n * 7 / 10}, {"fcm-http-v1", "accepted", "", n * 3 / 10}, {"tigase:messenger:apns:1", "gone", "Unregistered", n / 60},
			{"fcm-http-v1", "failed", "UNAVAILABLE", max(0, int(40*math.Sin(11*x-5.3)-24))}, {"fcm-http-v1", "failed", "QUOTA_EXCEEDED", n / 90}, {"tigase:messenger:apns:1", "gone", "BadDeviceToken", i % 29 / 28}} {
			o.pushes(part.id, part.outcome, part.reason).Add(part.n)
			o.publishes(part.outcome).Add(part.n)
			for j := range part.n {
				took[part.id].Note(time.Duration(18+14*math.Sin(5*x)+float64(j%23)+float64(j%97/96)*140) * time.Millisecond)
			}
		}
		h.note(now.Add(historyStep * time.Duration(i-historyPoints+1)))
	}
}
