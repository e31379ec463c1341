package fcmxmpp

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/fcm/fcmtest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	sender = "426312345678"
	key    = "AAAAserverkey"
	token  = "dQw4w9WgXcQ:APA91bExampleRegistrationToken"
)

func simulator(t *testing.T) *fcmtest.XMPP {
	t.Helper()
	s, err := fcmtest.NewXMPP(sender, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		if err := s.Faults(); err != nil {
			t.Errorf("what a real server would not have taken: %v", err)
		}
	})
	return s
}

func config(s *fcmtest.XMPP) Config {
	return Config{SenderID: sender, ServerKey: key, PoolSize: 1, Host: "127.0.0.1", Port: s.Port(),
		Expiration: 28 * 24 * time.Hour, Timeout: 10 * time.Second}
}

// provider makes a running provider.
func provider(t *testing.T, s *fcmtest.XMPP, cfg Config, l *slog.Logger) *Provider {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.CA())
	p, err := New("fcm-xmpp-api", cfg, roots, l)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, p.Close()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func target(token string) providers.Target { return providers.Target{Token: token} }

func plain(id string) providers.Notification {
	count := 2
	return providers.Notification{ID: id, Account: "ala@example.com", Sender: "ola@example.org/desk", Body: `a "<b>" & ]]>`, Count: &count}
}

// eventually waits for a state.
func eventually(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !reached(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestPush(t *testing.T) {
	s := simulator(t)
	cfg := config(s)
	p := provider(t, s, cfg, quiet())
	if err := p.Push(t.Context(), target(token), plain("8a7f")); err != nil {
		t.Fatal(err)
	}
	call := plain("8a80")
	call.Priority, call.Encrypted = providers.High, &providers.Encrypted{Data: "QUJD", IV: "SVY=", VoIP: true}
	if err := p.Push(t.Context(), target(token), call); err != nil {
		t.Fatal(err)
	}
	got := s.Messages()
	m := got[0]
	if m.To != token || m.ID != "m-8a7f" || m.Priority != "high" || m.DryRun || *m.Life != 2419200 ||
		m.Data["account"] != "ala@example.com" || m.Data["unread-messages"] != "2" || m.Data["sender"] != "ola@example.org/desk" || m.Data["body"] != `a "<b>" & ]]>` {
		t.Errorf("message %s", m.JSON)
	}
	if *got[1].Life != 30 || got[1].Data["encrypted"] != "QUJD" || got[1].Data["type"] != "voip" {
		t.Errorf("call %s", got[1].JSON)
	}
}

// TestAnswers walks the list of error codes.
func TestAnswers(t *testing.T) {
	s := simulator(t)
	p := provider(t, s, config(s), quiet())
	for code, want := range kinds {
		s.Script(token, fcmtest.XMPPAnswer{Error: code, Times: 1})
		checkRefused(t, code, p.Push(t.Context(), target(token), plain(code)), want, code)
	}
	s.Script(token, fcmtest.XMPPAnswer{Error: "NEW_CODE", Times: 1})
	checkRefused(t, "new code", p.Push(t.Context(), target(token), plain("1")), providers.Temporary, "NEW_CODE")
	s.Script(token, fcmtest.XMPPAnswer{Stanza: true, Description: "InvalidJson: Missing Required Field for " + token, Times: 1})
	err := p.Push(t.Context(), target(token), plain("2"))
	checkRefused(t, "stanza error", err, providers.Refused, "INVALID_JSON")
	if !strings.Contains(err.Error(), "Missing Required Field for (token)") {
		t.Errorf("error %v", err)
	}
	if err := p.Push(t.Context(), target(token), plain("3")); err != nil {
		t.Errorf("after all that: %v", err)
	}
}

func checkRefused(t *testing.T, what string, err error, kind providers.Kind, reason string) {
	t.Helper()
	var got *providers.Error
	if !errors.As(err, &got) || got.Kind != kind || got.Reason != reason {
		t.Errorf("%s: error %v, want %v %q", what, err, kind, reason)
	}
}

// A login that is refused is told once, and as what it is.
func TestRefusedLogin(t *testing.T) {
	s := simulator(t)
	cfg := config(s)
	cfg.ServerKey = "AAAAotherkey"
	var out lockedText
	p := provider(t, s, cfg, slog.New(slog.NewTextHandler(&out, nil)))
	err := p.Push(t.Context(), target(token), plain("1"))
	if providers.KindOf(err) != providers.Unauthorized || !strings.Contains(err.Error(), "'server-key'") {
		t.Errorf("error %v", err)
	}
	eventually(t, "a second login", func() bool { _, refused := s.Logins(); return refused > 1 })
	if text := out.String(); strings.Count(text, "not-authorized") != 1 || !strings.Contains(text, "level=ERROR") || strings.Contains(text, "otherkey") {
		t.Errorf("log\n%s", text)
	}
}

// Without a server pushes end at once, and as what passes.
func TestNoServer(t *testing.T) {
	s := simulator(t)
	cfg := config(s)
	s.Close()
	p := provider(t, s, cfg, quiet())
	if err := p.Push(t.Context(), target(token), plain("1")); providers.KindOf(err) != providers.Temporary {
		t.Errorf("error %v", err)
	}
}

func TestPoolAndWindow(t *testing.T) {
	s := simulator(t)
	cfg := config(s)
	cfg.PoolSize = 3
	p := provider(t, s, cfg, quiet())
	eventually(t, "three connections", func() bool { return s.Connections() == 3 })
	s.Hold(true)
	var all sync.WaitGroup
	for i := range 3*window + 50 {
		all.Go(func() {
			if err := p.Push(t.Context(), target(token), plain(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "full connections", func() bool { return len(s.Messages()) >= 3*window })
	s.Hold(false)
	all.Wait()
	perLink := map[int]int{}
	for _, m := range s.Messages() {
		perLink[m.Connection]++
	}
	if len(s.Messages()) != 3*window+50 || len(perLink) != 3 {
		t.Errorf("%d messages, by connection %v", len(s.Messages()), perLink)
	}
}

// A device's own message is acknowledged, or the server would stop sending.
func TestUpstream(t *testing.T) {
	s := simulator(t)
	provider(t, s, config(s), quiet())
	eventually(t, "a connection", func() bool { return s.Connections() == 1 })
	s.Upstream(token, "from-device-1")
	eventually(t, "an acknowledgement", func() bool { a := s.Acks(); return len(a) == 1 && a[0] == "from-device-1" })
}

// What the provider logs and its errors hold no secret and no device token.
func TestNoSecretLeaks(t *testing.T) {
	s := simulator(t)
	var out lockedText
	p := provider(t, s, config(s), slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	for i, a := range []fcmtest.XMPPAnswer{{Times: 1}, {Error: "BAD_REGISTRATION", Description: token, Times: 1}, {Drop: true, Times: 1}} {
		s.Script(token, a)
		fmt.Fprintln(&out, p.Push(t.Context(), target(token), plain(fmt.Sprint(i))))
	}
	for _, secret := range []string{token, key, "ola@example.org", "<b>"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("the output holds %q:\n%s", secret, out.String())
		}
	}
	if !strings.Contains(out.String(), "token="+providers.ShortToken(token)) {
		t.Errorf("no hashed token in the log:\n%s", out.String())
	}
}

// lockedText is a writer whose text can be read while it is written.
type lockedText struct {
	mu sync.Mutex
	b  strings.Builder
}

// Write implements io.Writer.
func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns what was written.
func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
