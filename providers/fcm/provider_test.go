package fcm

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
	"github.com/tpush/tpush/providers/fcm/fcmtest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "dQw4w9WgXcQ:APA91bExampleRegistrationToken"

func simulator(t *testing.T) *fcmtest.Server {
	t.Helper()
	s, err := fcmtest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func config(t *testing.T, s *fcmtest.Server) (Config, string) {
	t.Helper()
	home := t.TempDir()
	data, err := s.ServiceAccount()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "sa.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := Defaults()
	cfg.ServiceAccountFile, cfg.Endpoint = "sa.json", s.Endpoint()
	return cfg, home
}

func provider(t *testing.T, cfg Config, home string) *Provider {
	t.Helper()
	p, err := New("fcm-http-v1", cfg, home, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func target() providers.Target { return providers.Target{Token: token} }

func plain() providers.Notification {
	count := 2
	return providers.Notification{Account: "ala@example.com", Sender: "ola@example.org/desk", Body: "hi", Count: &count}
}

func TestPush(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	p := provider(t, cfg, home)
	for range 3 {
		if err := p.Push(t.Context(), target(), plain()); err != nil {
			t.Fatal(err)
		}
	}
	m := s.Messages()[0]
	if m.Token != token || m.Data["account"] != "ala@example.com" || m.Data["unread-messages"] != "2" || m.Android["priority"] != "high" {
		t.Errorf("message %s", m.Body)
	}
	if s.Tokens() != 1 {
		t.Errorf("%d access tokens were fetched for 3 messages", s.Tokens())
	}
	cfg.DryRun = true
	if err := provider(t, cfg, home).Push(t.Context(), target(), plain()); err != nil || !s.Messages()[3].DryRun {
		t.Errorf("dry run: %v", err)
	}
}

func TestRevokedTokenIsRenewed(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	p := provider(t, cfg, home)
	if err := p.Push(t.Context(), target(), plain()); err != nil {
		t.Fatal(err)
	}
	s.RevokeTokens()
	if err := p.Push(t.Context(), target(), plain()); providers.KindOf(err) != providers.Unauthorized {
		t.Fatalf("with a revoked token: %v", err)
	}
	if err := p.Push(t.Context(), target(), plain()); err != nil {
		t.Errorf("after that: %v", err)
	}
}

func TestAnswers(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	p := provider(t, cfg, home)
	for name, tc := range map[string]struct {
		answer fcmtest.Answer
		kind   providers.Kind
		reason string
		after  time.Duration
	}{
		"unregistered":        {fcmtest.Answer{Status: 404, Code: "UNREGISTERED"}, providers.Gone, "UNREGISTERED", 0},
		"404 of another kind": {fcmtest.Answer{Status: 404}, providers.Refused, "NOT_FOUND", 0},
		"dead endpoint":       {fcmtest.Answer{Status: 404, Body: "<html>404</html>", ContentType: "text/html; charset=UTF-8"}, providers.Unauthorized, "dead endpoint", 0},
		"other sender":        {fcmtest.Answer{Status: 403, Code: "SENDER_ID_MISMATCH"}, providers.Doubtful, "SENDER_ID_MISMATCH", 0},
		"not allowed":         {fcmtest.Answer{Status: 403}, providers.Unauthorized, "PERMISSION_DENIED", 0},
		"argument":            {fcmtest.Answer{Status: 400, Code: "INVALID_ARGUMENT"}, providers.Doubtful, "INVALID_ARGUMENT", 0},
		"argument: token":     {fcmtest.Answer{Status: 400, Code: "INVALID_ARGUMENT", Field: "message.token"}, providers.Doubtful, "INVALID_ARGUMENT", 0},
		"argument: data":      {fcmtest.Answer{Status: 400, Code: "INVALID_ARGUMENT", Field: "message.data"}, providers.Refused, "INVALID_ARGUMENT", 0},
		"bad JSON":            {fcmtest.Answer{Status: 400, Field: "message"}, providers.Refused, "INVALID_ARGUMENT", 0},
		"quota":               {fcmtest.Answer{Status: 429, Code: "QUOTA_EXCEEDED", RetryAfter: "7"}, providers.Throttled, "QUOTA_EXCEEDED", 7 * time.Second},
		"quota, no pause":     {fcmtest.Answer{Status: 429, Code: "QUOTA_EXCEEDED"}, providers.Throttled, "QUOTA_EXCEEDED", time.Minute},
		"unavailable":         {fcmtest.Answer{Status: 503, Code: "UNAVAILABLE"}, providers.Temporary, "UNAVAILABLE", 10 * time.Second},
		"internal":            {fcmtest.Answer{Status: 500, Code: "INTERNAL"}, providers.Temporary, "INTERNAL", 0},
		"third party":         {fcmtest.Answer{Status: 401, Code: "THIRD_PARTY_AUTH_ERROR"}, providers.Unauthorized, "THIRD_PARTY_AUTH_ERROR", 0},
		"proxy":               {fcmtest.Answer{Status: 502, Body: "<html>", ContentType: "text/html"}, providers.Temporary, "", 0},
		"dropped":             {fcmtest.Answer{Drop: true}, providers.Unknown, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(s.Messages())
			s.Script(token, tc.answer)
			began := time.Now()
			err := p.Push(t.Context(), target(), plain())
			var got *providers.Error
			if !errors.As(err, &got) {
				t.Fatalf("error %v", err)
			}
			if got.Kind != tc.kind || got.Reason != tc.reason || got.RetryAfter != tc.after {
				t.Errorf("got %+v, want %s %q after %v", *got, tc.kind, tc.reason, tc.after)
			}
			if n := len(s.Messages()) - before; n != 1 || time.Since(began) > 900*time.Millisecond {
				t.Errorf("%d attempts in %v, want one: firebase's own repeats are not cut short", n, time.Since(began))
			}
			if strings.Contains(err.Error(), token) {
				t.Errorf("the error shows the token: %v", err)
			}
		})
	}
}

func TestTokenEndpoint(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	s.RefuseTokens(true)
	err := provider(t, cfg, home).Push(t.Context(), target(), plain())
	if providers.KindOf(err) != providers.Unauthorized || !strings.Contains(err.Error(), "account disabled") {
		t.Errorf("a refused service account: %v", err)
	}
	s.Close()
	if err := provider(t, cfg, home).Push(t.Context(), target(), plain()); providers.KindOf(err) != providers.Temporary {
		t.Errorf("no token endpoint: %v", err)
	}
}

func TestHang(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	s.Script(token, fcmtest.Answer{Delay: time.Minute})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := provider(t, cfg, home).Push(ctx, target(), plain()); providers.KindOf(err) != providers.Unknown {
		t.Errorf("error %v", err)
	}
}

func TestNewErrors(t *testing.T) {
	s := simulator(t)
	good, _ := config(t, s)
	data, err := s.ServiceAccount()
	if err != nil {
		t.Fatal(err)
	}
	without := func(key string) string {
		var m map[string]string
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatal(err)
		}
		delete(m, key)
		out, _ := json.Marshal(m)
		return string(out)
	}
	for name, tc := range map[string]struct {
		file   string
		change func(*Config)
		want   string
	}{
		"none":        {"", func(c *Config) { c.ServiceAccountFile = "" }, "service-account-file: it is missing"},
		"missing":     {"", func(c *Config) { c.ServiceAccountFile = "none.json" }, "no such file"},
		"not JSON":    {"hello", nil, "it is no JSON file"},
		"other type":  {`{"type":"authorized_user"}`, nil, `of type "authorized_user"`},
		"no key":      {without("private_key"), nil, "its private_key is missing"},
		"no e-mail":   {without("client_email"), nil, "its client_email is missing"},
		"bad key":     {strings.Replace(string(data), "BEGIN", "BEGUN", 1), nil, "its private_key: it is no PEM"},
		"no project":  {without("project_id"), nil, "project-id: it is missing"},
		"endpoint":    {string(data), func(c *Config) { c.Endpoint = "fcm.example.com" }, "endpoint:"},
		"CA":          {string(data), func(c *Config) { c.CAFile = "none.pem" }, "ca-file:"},
		"concurrency": {string(data), func(c *Config) { c.MaxConcurrent = 0 }, "max-concurrent"},
	} {
		home := t.TempDir()
		if err := os.WriteFile(filepath.Join(home, "sa.json"), []byte(tc.file), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := good
		if tc.change != nil {
			tc.change(&cfg)
		}
		if _, err := New("p", cfg, home, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, tc.want)
		}
	}
}

func TestCompose(t *testing.T) {
	n := func(change func(*providers.Notification)) providers.Notification {
		x := plain()
		change(&x)
		return x
	}
	for name, tc := range map[string]struct {
		n    providers.Notification
		want string
	}{
		"plain":     {plain(), `{"data":{"account":"ala@example.com","body":"hi","sender":"ola@example.org/desk","unread-messages":"2"},"android":{"ttl":"2419200s","priority":"high"},"token":"T"}`},
		"low":       {n(func(x *providers.Notification) { x.Priority = providers.Low; x.Collapse = "c" }), `{"data":{"account":"ala@example.com","body":"hi","sender":"ola@example.org/desk","unread-messages":"2"},"android":{"ttl":"2419200s","collapse_key":"c","priority":"normal"},"token":"T"}`},
		"encrypted": {n(func(x *providers.Notification) { x.Encrypted = &providers.Encrypted{Data: "AA==", IV: "iv"} }), `{"data":{"account":"ala@example.com","encrypted":"AA==","iv":"iv","unread-messages":"2"},"android":{"ttl":"2419200s","priority":"high"},"token":"T"}`},
		"call": {n(func(x *providers.Notification) {
			x.Encrypted = &providers.Encrypted{Data: "AA==", IV: "iv", VoIP: true}
		}), `{"data":{"account":"ala@example.com","encrypted":"AA==","iv":"iv","type":"voip","unread-messages":"2"},"android":{"ttl":"30s","priority":"high"},"token":"T"}`},
	} {
		got, err := json.Marshal(compose("T", tc.n))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, tc.want)
		}
	}
}

func TestSizes(t *testing.T) {
	for name, n := range map[string]providers.Notification{
		"body":      {Account: "a@b", Body: strings.Repeat("😀", 600), Sender: strings.Repeat("s", 3000)},
		"sender":    {Account: "a@b", Sender: strings.Repeat("s", 5000)},
		"encrypted": {Account: "a@b", Encrypted: &providers.Encrypted{Data: strings.Repeat("A", 6128), IV: "iv"}},
	} {
		m := compose("T", n)
		if size(m.Data) > maxData || m.Data["account"] != "a@b" {
			t.Errorf("%s: %d bytes, account %q", name, size(m.Data), m.Data["account"])
		}
		if name == "body" && !strings.HasSuffix(m.Data["body"], "…") {
			t.Errorf("body %q", m.Data["body"])
		}
	}
}

func FuzzClassify(f *testing.F) {
	f.Add(404, "application/json", []byte(`{"error":{"status":"NOT_FOUND","details":[{"@type":"x.FcmError","errorCode":"UNREGISTERED"}]}}`))
	f.Add(404, "text/html", []byte("<html>"))
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		e := classify(status, contentType, body, 0)
		if e.Kind == providers.Gone && e.Reason != "UNREGISTERED" {
			t.Errorf("gone for the reason %q", e.Reason)
		}
	})
}

func FuzzParseAccount(f *testing.F) {
	f.Add([]byte(`{"type":"service_account","private_key":"x","client_email":"y","token_uri":"z"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if a, err := parseAccount(data); err == nil && a.jwt == nil {
			t.Error("an account without credentials")
		}
	})
}
