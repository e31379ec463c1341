package fcm

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/fcm/fcmtest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(simulatorFolder); dir != "" {
		simulate(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

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
	if err := s.WriteServiceAccount(filepath.Join(home, "sa.json")); err != nil {
		t.Fatal(err)
	}
	cfg := Defaults()
	cfg.ServiceAccountFile, cfg.Endpoint = "sa.json", s.Endpoint()
	return cfg, home
}

func provider(t *testing.T, cfg Config, home string) *Provider {
	t.Helper()
	p, err := New("fcm-http-v1", cfg, home, NewQuotas(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func target() providers.Target { return providers.Target{Token: token} }

func plain() providers.Notification {
	count := 2
	return providers.Notification{Account: "ala@example.com", Sender: "ola@example.org/desk", Body: "hi there", Count: &count}
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

func TestTokenEndpoint(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	s.ScriptTokens(fcmtest.Answer{Status: 400, Code: "invalid_grant", Description: "account disabled"})
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
	p := provider(t, cfg, home)
	err := error(nil)
	// What has not left in time, on a busy machine, is another thing.
	for limit := 100 * time.Millisecond; limit < 10*time.Second && providers.KindOf(err) != providers.Unknown; limit *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		err = p.Push(ctx, target(), plain())
		cancel()
	}
	if providers.KindOf(err) != providers.Unknown {
		t.Errorf("error %v", err)
	}
}

// Messages go over HTTP/2 where that is offered, and over HTTP/1.1 where only
// that is.
func TestHTTPS(t *testing.T) {
	for _, tc := range []struct{ protocol, transport, want string }{
		{"h2", transportDefault, "HTTP/2.0"}, {"h2", transportStandard, "HTTP/2.0"}, {"http/1.1", transportDefault, "HTTP/1.1"},
	} {
		t.Run(tc.protocol+" "+tc.transport, func(t *testing.T) {
			s, err := fcmtest.NewTLS(tc.protocol)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			cfg, home := config(t, s)
			cfg.Transport = tc.transport
			if err := provider(t, cfg, home).Push(t.Context(), target(), plain()); providers.KindOf(err) != providers.Temporary || !strings.Contains(err.Error(), "certificate") {
				t.Errorf("without ca-file: %v", err)
			}
			if err := os.WriteFile(filepath.Join(home, "ca.pem"), s.CA(), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg.CAFile = "ca.pem"
			p := provider(t, cfg, home)
			for range 3 {
				if err := p.Push(t.Context(), target(), plain()); err != nil {
					t.Fatal(err)
				}
			}
			for _, m := range s.Messages() {
				if m.Proto != tc.want {
					t.Errorf("a message came over %s", m.Proto)
				}
			}
			s.Script(token, fcmtest.Answer{Drop: true})
			if err := p.Push(t.Context(), target(), plain()); providers.KindOf(err) != providers.Unknown {
				t.Errorf("no answer: %v", err)
			}
		})
	}
}

// A message that was taken is not sent again because the end of the answer's
// body is missing.
func TestCutAnswer(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	var sent atomic.Int32
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		sent.Add(1)
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "{")
	}))
	defer cut.Close()
	cfg.Endpoint = cut.URL
	began := time.Now()
	if err := provider(t, cfg, home).Push(t.Context(), target(), plain()); err != nil || sent.Load() != 1 || time.Since(began) > 5*time.Second {
		t.Errorf("error %v after %d messages and %v", err, sent.Load(), time.Since(began))
	}
}

// Both the token's and the message's connection go through the proxy, which sees
// nothing of what they carry.
func TestProxyOfHTTPS(t *testing.T) {
	s, err := fcmtest.NewTLS("h2")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	cfg, home := config(t, s)
	if err := os.WriteFile(filepath.Join(home, "ca.pem"), s.CA(), 0o600); err != nil {
		t.Fatal(err)
	}
	var tunnels atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := strings.Cut(r.Header.Get("Proxy-Authorization"), " "); r.Method != http.MethodConnect || password != "dXNlcjpwdw==" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		tunnels.Add(1)
		tunnel(t, w, r.Host)
	}))
	defer proxy.Close()
	cfg.CAFile, cfg.Proxy = "ca.pem", strings.Replace(proxy.URL, "://", "://user:pw@", 1)
	p := provider(t, cfg, home)
	if err := p.Push(t.Context(), target(), plain()); err != nil || tunnels.Load() != 2 {
		t.Errorf("%d tunnels, error %v", tunnels.Load(), err)
	}
}

// tunnel joins a client of a proxy with a server.
func tunnel(t *testing.T, w http.ResponseWriter, address string) {
	server, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	w.WriteHeader(http.StatusOK)
	client, rest, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	go func() {
		_, _ = io.Copy(server, rest)
		server.Close()
	}()
	_, _ = io.Copy(client, server)
	client.Close()
}

// One request takes no longer than it may, and nobody knows its fate then.
func TestRequestTimeout(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	cfg.RequestTimeout = 200 * time.Millisecond
	p := provider(t, cfg, home)
	if _, err := p.sender.Load().tokens.get(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Script(token, fcmtest.Answer{Delay: time.Minute})
	began := time.Now()
	if err := p.Push(t.Context(), target(), plain()); providers.KindOf(err) != providers.Unknown || time.Since(began) > 10*time.Second {
		t.Errorf("error %v after %v", err, time.Since(began))
	}
}

func TestProxy(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	var asked atomic.Int32
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(*httputil.ProxyRequest) { asked.Add(1) }})
	defer proxy.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	cfg.Proxy = proxy.URL
	if err := provider(t, cfg, home).Push(t.Context(), target(), plain()); err != nil || asked.Load() != 2 {
		t.Errorf("%d requests through the proxy, error %v; want the token's and the message's", asked.Load(), err)
	}
}

// THIRD_PARTY_AUTH_ERROR is a 401 that has nothing to do with our token.
func TestThirdPartyKeepsTheToken(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	p := provider(t, cfg, home)
	s.Script(token, fcmtest.Answer{Status: 401, Code: "THIRD_PARTY_AUTH_ERROR", Times: 1})
	for range 2 {
		_ = p.Push(t.Context(), target(), plain())
	}
	if s.Tokens() != 1 {
		t.Errorf("%d access tokens were fetched", s.Tokens())
	}
}

func TestRevokedTokenIsFetchedOnceForAll(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	set, err := providers.NewSet(slog.New(slog.DiscardHandler), providers.DefaultOptions(), provider(t, cfg, home))
	if err != nil {
		t.Fatal(err)
	}
	push := func() {
		if err := set.Push(t.Context(), "fcm-http-v1", target(), plain()); err != nil {
			t.Error(err)
		}
	}
	push()
	s.RevokeTokens()
	var all sync.WaitGroup
	for range 30 {
		all.Go(push)
	}
	all.Wait()
	if s.Tokens() != 2 {
		t.Errorf("%d access tokens were fetched, want one more after the first", s.Tokens())
	}
}

func TestBusy(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	cfg.MaxConcurrent = 1
	p := provider(t, cfg, home)
	s.Script("slow", fcmtest.Answer{Delay: time.Minute})
	slow, cancel := context.WithCancel(t.Context())
	var first sync.WaitGroup
	first.Go(func() { _ = p.Push(slow, providers.Target{Token: "slow"}, plain()) })
	for len(p.slots) == 0 {
		runtime.Gosched()
	}
	ctx, done := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer done()
	if err := p.Push(ctx, target(), plain()); providers.KindOf(err) != providers.Temporary || !strings.Contains(err.Error(), "max-concurrent") {
		t.Errorf("error %v", err)
	}
	cancel()
	first.Wait()
	if err := p.Push(t.Context(), target(), plain()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// What the provider logs, at any level, and its errors hold no secret and no
// device token.
func TestNoSecretLeaks(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	var out strings.Builder
	p, err := New("fcm-http-v1", cfg, home, NewQuotas(), slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, a := range []fcmtest.Answer{{}, {Status: 404, Code: "UNREGISTERED"}, {Status: 400, Body: token, ContentType: "text/plain"}, {Drop: true}} {
		s.Script(token, a)
		fmt.Fprintln(&out, p.Push(t.Context(), target(), plain()))
	}
	s.RevokeTokens()
	fmt.Fprintln(&out, p.Push(t.Context(), target(), plain()))
	s.ScriptTokens(fcmtest.Answer{Status: 401, Code: "invalid_client"})
	fmt.Fprintln(&out, p.Push(t.Context(), target(), plain()))
	for _, secret := range []string{token, "hi there", "ya29.", "PRIVATE KEY", "assertion"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("the output holds %q:\n%s", secret, out.String())
		}
	}
	if !strings.Contains(out.String(), "token="+providers.ShortToken(token)) {
		t.Errorf("no hashed token in the log:\n%s", out.String())
	}
}
