package providers

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// certified is a provider whose credentials end.
type certified struct {
	answering
	ends []Expiry
}

func (c *certified) Expiries() []Expiry { return c.ends }

// TestWatch: an administrator is told 30, 14, 7, 3 and 1 days before, and then
// every day.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := &certified{ends: []Expiry{{What: "cert-file", At: start.Add(40*day + time.Hour)}, {What: "pushkit-cert-file", At: start.Add(365 * day), Calls: true}}}
		var log strings.Builder
		s := set(t, slog.New(slog.NewTextHandler(&log, nil)), c)
		ctx, cancel := context.WithTimeout(t.Context(), 43*day+2*time.Hour)
		defer cancel()
		var got []string
		s.Watch(ctx, func(n Notice) { got = append(got, fmt.Sprint(int(time.Since(start)/day), n.Expired)) })
		want := "[11 false 27 false 34 false 38 false 40 false 41 true 42 true 43 true]"
		if fmt.Sprint(got) != want {
			t.Errorf("told on the days %v, want %v", got, want)
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 5 {
			t.Errorf("%d warnings:\n%s", n, log.String())
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 3 {
			t.Errorf("%d errors:\n%s", n, log.String())
		}
	})
}

func TestNotice(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		x    Expiry
		want string
	}{
		{Expiry{What: "cert-file", At: now.Add(14 * day)}, "the certificate of p expires on 2026-12-09 (14 days left): no pushes are sent afterwards; make a new one in Apple's developer account, put it in the place of 'cert-file' and restart"},
		{Expiry{What: "pushkit-cert-file", At: now.Add(-day), Calls: true}, "the certificate for calls of p expired on 2026-11-24: calls do not ring until it is replaced; make a new one in Apple's developer account, put it in the place of 'pushkit-cert-file' and restart"},
		{Expiry{What: FromAdmin, At: now.Add(day)}, "the certificate of p expires on 2026-11-26 (1 day left): no pushes are sent afterwards; make a new one in Apple's developer account and set it with the command Set APNS certificate"},
	} {
		if got := tc.x.notice("p", now).Text; got != tc.want {
			t.Errorf("got  %s\nwant %s", got, tc.want)
		}
	}
}

// TestNewCertificateStartsAnew: what the old one has shown is forgotten.
func TestNewCertificateStartsAnew(t *testing.T) {
	answer := error(&Error{Kind: Unauthorized, Reason: "BadCertificate"})
	u := &renewable{answering: answering{push: func(Target, Notification) error { return answer }}}
	s := set(t, slog.New(slog.DiscardHandler), u)
	_ = s.Push(t.Context(), "p", Target{}, Notification{})
	if !s.States()[0].First.Paused {
		t.Fatal("the breaker is closed")
	}
	answer = nil
	if err := s.UseCertificate("p", Certificate{}); err != nil {
		t.Fatal(err)
	}
	if s.States()[0].First.Paused {
		t.Error("the breaker is open still")
	}
	if err := s.Push(t.Context(), "p", Target{}, Notification{}); err != nil {
		t.Error(err)
	}
	if err := s.UseCertificate("q", Certificate{}); err == nil {
		t.Error("a provider that is not there took it")
	}
}

type renewable struct{ answering }

func (*renewable) CheckCertificate(Certificate) (t time.Time, err error) { return t, nil }
func (*renewable) UseCertificate(Certificate) error                      { return nil }
func (*renewable) CertificateExpiry() (t time.Time)                      { return t }
