package apns

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/apns/apnstest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	topic   = "com.example.app"
	token   = "0A1B2C3D4E5F60718293A4B5C6D7E8F90A1B2C3D4E5F60718293A4B5C6D7E8F9"
	second  = "9c8d7e6f5a4b3c2d1e0f9c8d7e6f5a4b3c2d1e0f9c8d7e6f5a4b3c2d1e0f0001"
	pushID  = "5f0e3c8a-0a55-4b7d-9b55-1f7a0f1c2d3e"
	account = "ala@example.com"
)

func simulator(t *testing.T) *apnstest.Server {
	t.Helper()
	s, err := apnstest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// write puts bytes into a file of the home folder.
func write(t *testing.T, home, name string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(home, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func issue(t *testing.T, s *apnstest.Server, c apnstest.Certificate) *apnstest.Credential {
	t.Helper()
	cred, err := s.Issue(c)
	if err != nil {
		t.Fatal(err)
	}
	return cred
}

// config is a provider's against the simulator, with a certificate for messages
// and calls.
func config(t *testing.T, s *apnstest.Server) (Config, string) {
	t.Helper()
	home := t.TempDir()
	cred := issue(t, s, apnstest.Certificate{UID: topic, Topics: []string{topic, topic + ".voip"}, Production: true})
	p12, err := cred.P12("Pa$$w0rd", false, true)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Defaults()
	cfg.CertFile, cfg.CertPassword = write(t, home, "cert.p12", p12), "Pa$$w0rd"
	cfg.CAFile, cfg.Host = write(t, home, "ca.pem", s.CA()), s.Addr()
	return cfg, home
}

func provider(t *testing.T, cfg Config, home string) *Provider {
	t.Helper()
	p, err := New("apns-binary-api", cfg, home, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func target() providers.Target { return providers.Target{Token: token, SecondToken: second} }

func plain() providers.Notification {
	return providers.Notification{ID: pushID, Account: account, Sender: "ola@example.org/desk", Body: "See you at noon", Count: new(int)}
}

func call() providers.Notification {
	return providers.Notification{ID: pushID, Account: account, Priority: providers.High,
		Encrypted: &providers.Encrypted{Data: "Zk1x", IV: "AAECAwQFBgcICQoL", VoIP: true}, Call: &providers.Call{Action: "propose", SID: "c1"}}
}

func TestPush(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	p := provider(t, cfg, home)
	if err := p.Push(t.Context(), target(), plain()); err != nil {
		t.Fatal(err)
	}
	if err := p.Push(t.Context(), target(), call()); err != nil {
		t.Fatal(err)
	}
	pushes := s.Pushes()
	if len(pushes) != 2 {
		t.Fatalf("%d pushes arrived", len(pushes))
	}
	for i, want := range []map[string]string{
		{"apns-topic": topic, "apns-push-type": "alert", "apns-priority": "10", "apns-id": pushID, "apns-collapse-id": pushID},
		{"apns-topic": topic + ".voip", "apns-push-type": "voip", "apns-priority": "10", "apns-id": pushID, "apns-collapse-id": ""},
	} {
		if pushes[i].Status != 200 {
			t.Errorf("push %d refused: %s", i, pushes[i].Reason)
		}
		for name, value := range want {
			if got := pushes[i].Header.Get(name); got != value {
				t.Errorf("push %d: %s is %q, want %q", i, name, got, value)
			}
		}
	}
	if pushes[0].Token != token || pushes[1].Token != second {
		t.Errorf("tokens %s, %s", pushes[0].Token, pushes[1].Token)
	}
}

func TestExpirationZeroIsSent(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	cfg.Expiration = 0
	if err := provider(t, cfg, home).Push(t.Context(), target(), plain()); err != nil {
		t.Fatal(err)
	}
	if got := s.Pushes()[0].Header.Values("apns-expiration"); len(got) != 1 || got[0] != "0" {
		t.Errorf("apns-expiration %q, want 0", got)
	}
}

func TestAnswers(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	p := provider(t, cfg, home)
	since := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	for name, tc := range map[string]struct {
		answer apnstest.Answer
		want   providers.Error
	}{
		"gone":      {apnstest.Answer{Status: 410, Reason: "Unregistered", Since: since}, providers.Error{Kind: providers.Gone, Status: 410, Reason: "Unregistered", GoneSince: since}},
		"doubtful":  {apnstest.Answer{Status: 400, Reason: "BadDeviceToken"}, providers.Error{Kind: providers.Doubtful, Status: 400, Reason: "BadDeviceToken"}},
		"throttled": {apnstest.Answer{Status: 429, Reason: "TooManyRequests", RetryAfter: "7"}, providers.Error{Kind: providers.Throttled, Status: 429, Reason: "TooManyRequests", RetryAfter: 7 * time.Second}},
		"proxy":     {apnstest.Answer{Status: 502, Body: "<html>bad gateway</html>", RetryAfter: "3"}, providers.Error{Kind: providers.Temporary, Status: 502, RetryAfter: 3 * time.Second}},
		"odd 410":   {apnstest.Answer{Status: 410, Body: "gone"}, providers.Error{Kind: providers.Refused, Status: 410}},
		"dropped":   {apnstest.Answer{Drop: true}, providers.Error{Kind: providers.Unknown}},
	} {
		t.Run(name, func(t *testing.T) {
			s.Script(token, tc.answer)
			err := p.Push(t.Context(), target(), plain())
			var got *providers.Error
			if !errors.As(err, &got) {
				t.Fatalf("error %v", err)
			}
			if got.Kind != tc.want.Kind || got.Status != tc.want.Status || got.Reason != tc.want.Reason || got.RetryAfter != tc.want.RetryAfter || !got.GoneSince.Equal(tc.want.GoneSince) {
				t.Errorf("got  %+v\nwant %+v", *got, tc.want)
			}
			if strings.Contains(err.Error(), token) {
				t.Errorf("the error shows the token: %v", err)
			}
		})
	}
	s.Script(second, apnstest.Answer{Status: 410, Reason: "Unregistered"})
	var got *providers.Error
	if err := p.Push(t.Context(), target(), call()); !errors.As(err, &got) || !got.Second || got.Kind != providers.Gone {
		t.Errorf("a dead second token: %+v", got)
	}
}

func TestHangAndNoServer(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	p := provider(t, cfg, home)
	s.Script(token, apnstest.Answer{Delay: time.Minute})
	err := error(nil)
	// What has not left in time, on a busy machine, is another thing.
	for limit := 100 * time.Millisecond; limit < 10*time.Second && providers.KindOf(err) != providers.Unknown; limit *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		err = p.Push(ctx, target(), plain())
		cancel()
	}
	if providers.KindOf(err) != providers.Unknown {
		t.Errorf("a push without an answer: %v", err)
	}
	s.Close()
	if err := provider(t, cfg, home).Push(t.Context(), target(), plain()); providers.KindOf(err) != providers.Temporary || strings.Contains(err.Error(), token) {
		t.Errorf("no server: %v", err)
	}
}

func TestNewReasons(t *testing.T) {
	for status, want := range map[int]string{400: "refused", 403: "unauthorized", 410: "gone", 418: "refused", 429: "throttled", 500: "temporary", 503: "temporary", 599: "temporary"} {
		if got := classify(status, "SomethingNew", time.Time{}, 0).Kind.String(); got != want {
			t.Errorf("a new reason with status %d is %s, want %s", status, got, want)
		}
	}
}

func TestCertificateFiles(t *testing.T) {
	s := simulator(t)
	cred := issue(t, s, apnstest.Certificate{UID: topic, Production: true})
	both, err := cred.PEM()
	if err != nil {
		t.Fatal(err)
	}
	key, err := cred.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	p12 := func(old, chain bool, password string) []byte {
		data, err := cred.P12(password, old, chain)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	expired, err := issue(t, s, apnstest.Certificate{UID: topic, Expires: time.Now().Add(-time.Hour)}).PEM()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		cert, key []byte
		password  string
		change    func(*Config)
		want      string // part of the error; empty: it loads and pushes
	}{
		"new p12":            {cert: p12(false, false, "pw"), password: "pw"},
		"new p12 with chain": {cert: p12(false, true, "pw"), password: "pw"},
		"old p12":            {cert: p12(true, false, "pw"), password: "pw"},
		"old p12 with chain": {cert: p12(true, true, "pw"), password: "pw"},
		"no password":        {cert: p12(true, false, ""), password: ""},
		"PEM":                {cert: both},
		"PEM, key apart":     {cert: cred.CertPEM(), key: key},
		"wrong password":     {cert: p12(false, false, "pw"), password: "other", want: "cert-file: FILE: the password is wrong: correct 'cert-password'"},
		"no key":             {cert: cred.CertPEM(), want: "it holds no private key"},
		"key of another":     {cert: cred.CertPEM(), key: mustKey(t, issue(t, s, apnstest.Certificate{UID: topic})), want: "it is no certificate with its key"},
		"rubbish":            {cert: []byte("hello"), want: "neither a .p12"},
		"empty":              {cert: nil, want: "neither a .p12"},
		"expired":            {cert: expired, want: "the certificate expired on"},
		"missing":            {cert: both, change: func(c *Config) { c.CertFile = "none.p12" }, want: "no such file"},
		"bad format":         {cert: both, change: func(c *Config) { c.Format = "odd" }, want: "payload-format"},
		"bad host":           {cert: both, change: func(c *Config) { c.Host = "user@host" }, want: "host:"},
		"no key file":        {cert: both, change: func(c *Config) { c.CertKeyFile = "none.key" }, want: "cert-key-file: open "},
		"no CA":              {cert: both, change: func(c *Config) { c.CAFile = "none.pem" }, want: "ca-file:"},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			cfg := Defaults()
			cfg.CertFile, cfg.CertPassword = write(t, home, "cert", tc.cert), tc.password
			if tc.key != nil {
				cfg.CertKeyFile = write(t, home, "key", tc.key)
			}
			cfg.CAFile, cfg.Host = write(t, home, "ca.pem", s.CA()), s.Addr()
			if tc.change != nil {
				tc.change(&cfg)
			}
			if tc.want != "" {
				err := startError(t, cfg, home)
				if want := strings.ReplaceAll(tc.want, "FILE", filepath.Join(home, "cert")); err == nil || !strings.Contains(err.Error(), want) {
					t.Fatalf("error %v, want one that says %q", err, want)
				}
				return
			}
			p, err := New("p", cfg, home, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if err := p.Push(t.Context(), target(), plain()); err != nil {
				t.Error(err)
			}
		})
	}
}

func mustKey(t *testing.T, c *apnstest.Credential) []byte {
	t.Helper()
	key, err := c.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// startError is why a provider cannot be made, or starts broken.
func startError(t *testing.T, cfg Config, home string) error {
	t.Helper()
	p, err := New("p", cfg, home, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	t.Cleanup(func() { p.Close() })
	return p.Broken()
}

// TestStartsBroken: a provider whose certificate has expired has its devices and
// takes new ones; the end of the certificate is told; a new file mends it.
func TestStartsBroken(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	good, err := os.ReadFile(filepath.Join(home, cfg.CertFile))
	if err != nil {
		t.Fatal(err)
	}
	bad, err := issue(t, s, apnstest.Certificate{UID: topic, Expires: time.Now().Add(-time.Hour)}).PEM()
	if err != nil {
		t.Fatal(err)
	}
	write(t, home, cfg.CertFile, bad)
	p, err := New("p", cfg, home, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.Broken() == nil || p.CertificateExpiry().IsZero() || p.Info().ID != "p" {
		t.Errorf("broken %v, expires %v, info %v", p.Broken(), p.CertificateExpiry(), p.Info())
	}
	if err := p.Push(t.Context(), target(), plain()); providers.KindOf(err) != providers.Unauthorized || !strings.Contains(err.Error(), "the certificate expired on") {
		t.Errorf("error %v", err)
	}
	write(t, home, cfg.CertFile, good)
	if err := p.Reload(); err != nil {
		t.Fatal(err)
	}
	if err := p.Push(t.Context(), target(), plain()); err != nil || !p.CertificateExpiry().After(time.Now()) {
		t.Errorf("error %v, expires %v", err, p.CertificateExpiry())
	}
}

func TestTopicAndCalls(t *testing.T) {
	s := simulator(t)
	for name, tc := range map[string]struct {
		cert   apnstest.Certificate
		topic  string
		want   string
		calls  bool
		err    string
		sandox bool
	}{
		"subject":          {cert: apnstest.Certificate{UID: topic}, want: topic, calls: true},
		"not for calls":    {cert: apnstest.Certificate{UID: topic, Topics: []string{topic}}, want: topic},
		"extension":        {cert: apnstest.Certificate{UID: "x", Topics: []string{"com.a", "com.a.voip", "com.a.complication"}}, want: "com.a", calls: true},
		"configured":       {cert: apnstest.Certificate{UID: topic}, topic: "com.other", want: "com.other", calls: true},
		"contradicted":     {cert: apnstest.Certificate{UID: topic, Topics: []string{topic}}, topic: "com.other", err: "the certificate is not for com.other but for com.example.app"},
		"development only": {cert: apnstest.Certificate{UID: topic, Development: true}, want: topic, calls: true, sandox: true},
		"both":             {cert: apnstest.Certificate{UID: topic, Development: true, Production: true}, want: topic, calls: true},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			data, err := issue(t, s, tc.cert).PEM()
			if err != nil {
				t.Fatal(err)
			}
			cfg := Defaults()
			cfg.CertFile, cfg.Topic = write(t, home, "cert", data), tc.topic
			if tc.err != "" {
				if err := startError(t, cfg, home); err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("error %v", err)
				}
				return
			}
			p, err := New("p", cfg, home, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { p.Close() })
			if s := p.sender.Load(); s.style.topic != tc.want || s.style.calls != tc.calls || s.sandbox != tc.sandox {
				t.Errorf("topic %s, calls %v, sandbox %v", s.style.topic, s.style.calls, s.sandbox)
			}
		})
	}
}

// decode reads a push payload.
func decode(t *testing.T, m message) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(m.payload, &out); err != nil {
		t.Fatalf("%v in %s", err, m.payload)
	}
	return out
}
