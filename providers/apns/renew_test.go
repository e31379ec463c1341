package apns

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/apns/apnstest"
)

// waiting is a configuration without a certificate.
func waiting(t *testing.T, s *apnstest.Server) (Config, string) {
	t.Helper()
	home := t.TempDir()
	cfg := Defaults()
	cfg.Topic, cfg.CAFile, cfg.Host = topic, write(t, home, "ca.pem", s.CA()), s.Addr()
	return cfg, home
}

func handed(t *testing.T, s *apnstest.Server, c apnstest.Certificate) providers.Certificate {
	t.Helper()
	p12, err := issue(t, s, c).P12("pw", false, true)
	if err != nil {
		t.Fatal(err)
	}
	return providers.Certificate{Data: p12, Password: "pw"}
}

func TestCertificateFromAdmin(t *testing.T) {
	s := simulator(t)
	cfg, home := waiting(t, s)
	p := provider(t, cfg, home)
	err := p.Push(t.Context(), target(), plain())
	if providers.KindOf(err) != providers.Unauthorized || !strings.Contains(err.Error(), "Set APNS certificate") || !p.CertificateExpiry().IsZero() {
		t.Errorf("without a certificate: %v", err)
	}
	good := handed(t, s, apnstest.Certificate{UID: topic, Topics: []string{topic, topic + ".voip"}})
	for name, tc := range map[string]struct {
		c    providers.Certificate
		want string
	}{
		"wrong password": {providers.Certificate{Data: good.Data, Password: "x"}, "the password is wrong"},
		"rubbish":        {providers.Certificate{Data: []byte("hello")}, "neither a .p12"},
		"expired":        {handed(t, s, apnstest.Certificate{UID: topic, Expires: time.Now().Add(-time.Hour)}), "expired on"},
		"another app":    {handed(t, s, apnstest.Certificate{UID: "x", Topics: []string{"com.other"}}), "not for com.example.app but for com.other"},
	} {
		if _, err := p.CheckCertificate(tc.c); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("check %s: %v", name, err)
		}
		if err := p.UseCertificate(tc.c); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("use %s: %v", name, err)
		}
	}
	expires, err := p.CheckCertificate(good)
	if err != nil || expires.Before(time.Now()) {
		t.Fatalf("expires %v: %v", expires, err)
	}
	if p.CertificateExpiry(); !p.CertificateExpiry().IsZero() {
		t.Error("checking has changed something")
	}
	if err := p.UseCertificate(good); err != nil {
		t.Fatal(err)
	}
	for _, n := range []providers.Notification{plain(), call()} {
		if err := p.Push(t.Context(), target(), n); err != nil {
			t.Error(err)
		}
	}
	if !p.CertificateExpiry().Equal(expires) || len(p.Info().Features) != 3 {
		t.Errorf("expires %v, features %v", p.CertificateExpiry(), p.Info().Features)
	}
}

func TestCertificateIsFixed(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	p := provider(t, cfg, home)
	if err := p.UseCertificate(handed(t, s, apnstest.Certificate{UID: topic})); !errors.Is(err, providers.ErrCertificateFixed) || !strings.Contains(err.Error(), "cert-file") {
		t.Errorf("error %v", err)
	}
}

// TestSwapInABurst: every one of many pushes (50,000 with the integration tests)
// has exactly one outcome, accepted, while the certificate is replaced again and
// again.
func TestSwapInABurst(t *testing.T) {
	pushes, swaps := 5000, 25
	if os.Getenv("TPUSH_INTEGRATION") != "" {
		pushes = 50000
	}
	s := simulator(t)
	s.SetLoad(apnstest.Load{CountOnly: true})
	cfg, home := waiting(t, s)
	p := provider(t, cfg, home)
	set, err := providers.NewSet(slog.New(slog.DiscardHandler), providers.DefaultOptions(), p)
	if err != nil {
		t.Fatal(err)
	}
	renew := func() {
		if err := set.UseCertificate("apns-binary-api", handed(t, s, apnstest.Certificate{UID: topic, Production: true})); err != nil {
			t.Error(err)
		}
	}
	renew()
	p.mu.Lock()
	p.open = true // as Run does
	p.mu.Unlock()
	var next, accepted atomic.Int64
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for next.Add(1) <= int64(pushes) {
				if err := set.Push(t.Context(), "apns-binary-api", target(), plain()); err != nil {
					t.Error(err)
					continue
				}
				accepted.Add(1)
			}
		})
	}
	for i := range swaps {
		for next.Load() < int64(pushes*i/swaps) {
			time.Sleep(time.Millisecond)
		}
		renew()
	}
	all.Wait()
	if got := s.Counts(); accepted.Load() != int64(pushes) || got[200] != pushes || len(got) != 1 {
		t.Errorf("%d accepted, the simulator answered %v, want %d", accepted.Load(), got, pushes)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t.Logf("%d pushes, %d certificates: %d accepted, the simulator answered %v", pushes, swaps+1, accepted.Load(), s.Counts())
}

// TestRun keeps connections open before pushes come, and tells when there is no
// certificate to do it with.
func TestRun(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	p := provider(t, cfg, home)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	for deadline := time.Now().Add(10 * time.Second); s.Connections() < cfg.PoolSize; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections", s.Connections())
		}
	}
	cancel()
	all.Wait()
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		p := &Provider{log: slog.New(slog.NewTextHandler(&log, nil))}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := p.Run(ctx); err != nil || !strings.Contains(log.String(), "no certificate yet") {
			t.Errorf("error %v, log %s", err, log.String())
		}
	})
}
