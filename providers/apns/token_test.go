package apns

import (
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/apns/apnstest"
)

// clocked makes the tokens of a key with a clock of the test's.
func clocked(t *testing.T, file []byte, now *time.Time) *tokens {
	t.Helper()
	key, err := parseKey(file)
	if err != nil {
		t.Fatal(err)
	}
	return &tokens{key: key, keyID: "ABC1234567", team: "TEAM123456", now: func() time.Time { return *now }}
}

func mustGet(t *testing.T, k *tokens) string {
	t.Helper()
	text, err := k.get()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func p8(t *testing.T, s *apnstest.Server) []byte {
	t.Helper()
	file, err := s.IssueKey("ABC1234567", "TEAM123456", topic)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// TestTokensAreTheSameEverywhere: instances whose clocks differ a little use the
// same token nearly always, each for half an hour, none older than Apple takes.
func TestTokensAreTheSameEverywhere(t *testing.T) {
	file := p8(t, simulator(t))
	start := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	here, there := start, start
	a, b := clocked(t, file, &here), clocked(t, file, &there)
	changes, differ, last := 0, 0, ""
	for minute := range 24 * 60 {
		here = start.Add(time.Duration(minute) * time.Minute)
		there = here.Add(20 * time.Second)
		text := mustGet(t, a)
		if text != mustGet(t, b) {
			differ++
		}
		if text != last {
			changes++
			last = text
		}
		if age := here.Sub(a.current.issued); age < tokenMargin || age >= tokenSlot+tokenMargin {
			t.Fatalf("a token of %v is used", age)
		}
	}
	if changes != 49 || differ > 0 {
		t.Errorf("%d tokens in a day, %d times another there", changes, differ)
	}
}

func TestTokenAfterAnswers(t *testing.T) {
	file := p8(t, simulator(t))
	now := time.Date(2026, 11, 25, 12, 10, 0, 0, time.UTC)
	k := clocked(t, file, &now)
	first := mustGet(t, k)
	k.learn(first, "", nil)

	// A new token that comes too early for Apple: the old one stays as long as
	// it lives.
	now = now.Add(25 * time.Minute)
	second := mustGet(t, k)
	if second == first {
		t.Fatal("the token is not renewed")
	}
	k.learn(second, reasonTokenTooNew, nil)
	if mustGet(t, k) != first {
		t.Error("the old token is not kept")
	}
	now = k.accepted.issued.Add(tokenLife)
	if mustGet(t, k) != second {
		t.Error("the old token is used after its time")
	}
	k.learn(second, "", nil)

	// A clock that is wrong is corrected by Apple's, once.
	for _, wrong := range []time.Duration{-3 * time.Hour, 3 * time.Hour} {
		k := clocked(t, file, &now)
		header := http.Header{"Date": {now.Add(-wrong).Format(http.TimeFormat)}}
		k.learn(mustGet(t, k), reasonTokenExpired, header)
		if mustGet(t, k); !k.current.issued.Equal(now.Add(-wrong - tokenMargin).Truncate(tokenSlot)) {
			t.Errorf("a clock that is wrong by %v: token of %v", wrong, k.current.issued)
		}
		offset := k.offset
		k.learn(mustGet(t, k), reasonTokenExpired, header)
		if k.offset != offset {
			t.Errorf("corrected again, by %v", k.offset)
		}
	}
}

// withKey is a provider's configuration with a team's key.
func withKey(t *testing.T, s *apnstest.Server) (Config, string) {
	t.Helper()
	home := t.TempDir()
	cfg := Defaults()
	cfg.P8File, cfg.P8KeyID, cfg.P8TeamID, cfg.Topic = write(t, home, "AuthKey.p8", p8(t, s)), "ABC1234567", "TEAM123456", topic
	cfg.CAFile, cfg.Host = write(t, home, "ca.pem", s.CA()), s.Addr()
	return cfg, home
}

func TestPushWithKey(t *testing.T) {
	for _, transport := range []string{transportDefault, transportStandard} {
		t.Run(transport, func(t *testing.T) {
			s := simulator(t)
			cfg, home := withKey(t, s)
			cfg.Transport = transport
			p := provider(t, cfg, home)
			for _, n := range []providers.Notification{plain(), call()} {
				if err := p.Push(t.Context(), target(), n); err != nil {
					t.Error(err)
				}
			}
			other := provider(t, cfg, home) // another instance
			if err := other.Push(t.Context(), target(), plain()); err != nil {
				t.Error(err)
			}
			if !p.CertificateExpiry().IsZero() {
				t.Error("a key expires")
			}
		})
	}
}

// TestWrongClock: the push is refused, the clock corrected, the repeat accepted.
func TestWrongClock(t *testing.T) {
	for _, wrong := range []time.Duration{2 * time.Hour, -2 * time.Hour} {
		s := simulator(t)
		s.SetClock(wrong)
		cfg, home := withKey(t, s)
		set, err := providers.NewSet(slog.New(slog.DiscardHandler), providers.DefaultOptions(), provider(t, cfg, home))
		if err != nil {
			t.Fatal(err)
		}
		if err := set.Push(t.Context(), "apns-binary-api", target(), plain()); err != nil {
			t.Errorf("Apple's clock is %v ahead: %v", wrong, err)
		}
		if pushes := s.Pushes(); len(pushes) != 2 || pushes[0].Status != 403 {
			t.Errorf("%d pushes", len(pushes))
		}
	}
}

func TestKeyFiles(t *testing.T) {
	s := simulator(t)
	rsa := form(t, "traditional.key")
	for name, tc := range map[string]struct {
		change func(*Config, string)
		want   string
	}{
		"missing":       {func(c *Config, _ string) { c.P8File = "none.p8" }, "p8-file: open "},
		"no PEM":        {func(c *Config, home string) { c.P8File = write(t, home, "x", []byte("hello")) }, "it is no key in PEM form"},
		"another kind":  {func(c *Config, home string) { c.P8File = write(t, home, "x", rsa) }, "it holds no private key"},
		"a certificate": {func(c *Config, home string) { c.P8File = write(t, home, "x", form(t, "nodes.pem")) }, "it holds no private key"},
		"no key id":     {func(c *Config, _ string) { c.P8KeyID = "" }, "p8-key-id: it is missing"},
		"no team":       {func(c *Config, _ string) { c.P8TeamID = "" }, "p8-team-id: it is missing"},
		"no topic":      {func(c *Config, _ string) { c.Topic = "" }, "apns-topic: it is missing"},
		"no file":       {func(c *Config, _ string) { c.P8File = "" }, "p8-file: it is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, home := withKey(t, s)
			tc.change(&cfg, home)
			if err := startError(t, cfg, home); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one that says %q", err, tc.want)
			}
		})
	}
}

// TestKeyIsForAnotherApp: nothing is removed for it.
func TestKeyIsForAnotherApp(t *testing.T) {
	s := simulator(t)
	cfg, home := withKey(t, s)
	cfg.Topic = "com.other"
	err := provider(t, cfg, home).Push(t.Context(), target(), plain())
	if providers.KindOf(err) != providers.Unauthorized || !strings.Contains(err.Error(), "UnrelatedKeyIdInToken") {
		t.Errorf("error %v", err)
	}
}

// TestTokensForMany: tokens are made while many push.
func TestTokensForMany(t *testing.T) {
	file := p8(t, simulator(t))
	var mu sync.Mutex
	now := time.Date(2026, 11, 25, 12, 10, 0, 0, time.UTC)
	k := clocked(t, file, &now)
	k.now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 500 {
				text, err := k.get()
				if err != nil || strings.Count(text, ".") != 2 {
					t.Errorf("token %q, error %v", text, err)
				}
				k.learn(text, "", nil)
			}
		})
	}
	all.Wait()
}
