package apns

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/apns/apnstest"
)

// withCalls is a provider's configuration with a certificate for messages and
// one for calls, whose password is not given, as in public production files.
func withCalls(t *testing.T, s *apnstest.Server, calls apnstest.Certificate) (Config, string) {
	t.Helper()
	home := t.TempDir()
	p12 := func(c apnstest.Certificate, old bool) []byte {
		data, err := issue(t, s, c).P12("pw", old, false)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	cfg := Defaults()
	cfg.CertFile, cfg.CertPassword = write(t, home, "m.p12", p12(apnstest.Certificate{UID: topic}, true)), "pw"
	cfg.PushKitCertFile = write(t, home, "c.p12", p12(calls, false))
	cfg.CAFile, cfg.Host = write(t, home, "ca.pem", s.CA()), s.Addr()
	return cfg, home
}

func TestPushKitCertificate(t *testing.T) {
	s := simulator(t)
	cfg, home := withCalls(t, s, apnstest.Certificate{UID: topic + ".voip"})
	p := provider(t, cfg, home)
	if !slices.Contains(p.Info().Features, "tigase:push:jingle:0") {
		t.Errorf("features %v: clients will not send calls", p.Info().Features)
	}
	for _, n := range []providers.Notification{plain(), call()} {
		if err := p.Push(t.Context(), target(), n); err != nil {
			t.Error(err)
		}
	}
	if s.Pushes()[1].Header.Get("apns-topic") != topic+".voip" {
		t.Errorf("the call went to %v", s.Pushes()[1].Header)
	}
}

// TestExpiredPushKitCertificate: messages flow, and calls go as alerts.
func TestExpiredPushKitCertificate(t *testing.T) {
	s := simulator(t)
	expired := time.Now().Add(-time.Hour)
	cfg, home := withCalls(t, s, apnstest.Certificate{UID: topic + ".voip", Expires: expired})
	var log bytes.Buffer
	p, err := New("p", cfg, home, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, n := range []providers.Notification{plain(), call()} {
		if err := p.Push(t.Context(), target(), n); err != nil {
			t.Error(err)
		}
	}
	for _, push := range s.Pushes() {
		if push.Token != token || push.Header.Get("apns-push-type") != "alert" {
			t.Errorf("%s push to %s", push.Header.Get("apns-push-type"), push.Token)
		}
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "pushkit-cert-file: ") {
		t.Errorf("nobody is told: %s", log.String())
	}
	if p.CertificateExpiry().After(time.Now()) {
		t.Errorf("the first certificate expires on %v", p.CertificateExpiry())
	}
	if slices.Contains(p.Info().Features, "tigase:push:jingle:0") {
		t.Errorf("features %v", p.Info().Features)
	}
}

func TestBadPushKitCertificate(t *testing.T) {
	s := simulator(t)
	for name, tc := range map[string]struct {
		cert   apnstest.Certificate
		change func(*Config)
		want   string
	}{
		"another app": {apnstest.Certificate{UID: "x", Topics: []string{"com.other.voip"}}, func(*Config) {},
			"pushkit-cert-file: the certificate is not for calls to com.example.app but for com.other.voip"},
		"wrong password": {apnstest.Certificate{UID: "x"}, func(c *Config) { c.PushKitCertPassword = "no" }, "correct 'pushkit-cert-password'"},
		"missing":        {apnstest.Certificate{UID: "x"}, func(c *Config) { c.PushKitCertFile = "none.p12" }, "pushkit-cert-file: open "},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, home := withCalls(t, s, tc.cert)
			tc.change(&cfg)
			if err := startError(t, cfg, home); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one that says %q", err, tc.want)
			}
		})
	}
}
