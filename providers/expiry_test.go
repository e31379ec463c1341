package providers

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// ending is a provider whose credentials end.
type ending struct{ at []Expiry }

func (*ending) Info() Info                                       { return Info{ID: "apns", Label: "APNs"} }
func (*ending) CheckToken(string) error                          { return nil }
func (*ending) Push(context.Context, Target, Notification) error { return nil }
func (e *ending) Expiries() []Expiry                             { return e.at }

// TestExpiringCertificates tells of an end on five days before it, and on every
// day after it.
func TestExpiringCertificates(t *testing.T) {
	end := time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)
	p := &ending{[]Expiry{{What: "cert-file", At: end}, {What: FromAdmin, At: end.Add(400 * day), Calls: true}}}
	s, err := NewSet(slog.New(slog.DiscardHandler), DefaultOptions(), p)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]int{}
	var left []string
	for d := 40; d >= -2; d-- {
		for _, n := range s.expiring(end.Add(-time.Duration(d)*day), told) {
			left = append(left, fmt.Sprint(d))
			if n.Provider != "apns" || n.Expired != (d <= 0) || !strings.Contains(n.Text, "'cert-file'") || !strings.Contains(n.Text, "2026-06-30") {
				t.Errorf("%d days before: %+v", d, n)
			}
		}
	}
	if got := strings.Join(left, " "); got != "30 14 7 3 1 0 -1 -2" {
		t.Errorf("told on the days %s", got)
	}
	for _, n := range s.expiring(end.Add(390*day), told) {
		if strings.Contains(n.Text, "for calls") && !strings.Contains(n.Text, "Set APNS certificate") {
			t.Errorf("%+v", n)
		}
	}
}
