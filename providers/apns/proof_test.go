package apns

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/apns/apnstest"
)

// appleReasons is Apple's list ("Handling notification responses from APNs",
// table 4, with the reasons for keys that were added in 2025), each with the
// status that it comes with and what it means here.
var appleReasons = []struct {
	status int
	reason string
	kind   providers.Kind
}{
	{400, "BadCollapseId", providers.Refused},
	{400, "BadDeviceToken", providers.Doubtful},
	{400, "BadExpirationDate", providers.Refused},
	{400, "BadMessageId", providers.Refused},
	{400, "BadPriority", providers.Refused},
	{400, "BadTopic", providers.Unauthorized},
	{400, "DeviceTokenNotForTopic", providers.Doubtful},
	{400, "DuplicateHeaders", providers.Refused},
	{400, "IdleTimeout", providers.Temporary},
	{400, "InvalidPushType", providers.Refused},
	{400, "MissingDeviceToken", providers.Refused},
	{400, "MissingTopic", providers.Unauthorized},
	{400, "PayloadEmpty", providers.Refused},
	{400, "TopicDisallowed", providers.Unauthorized},
	{403, "BadCertificate", providers.Unauthorized},
	{403, "BadCertificateEnvironment", providers.Unauthorized},
	{403, "BadEnvironmentKeyIdInToken", providers.Unauthorized},
	{403, "ExpiredProviderToken", providers.Unauthorized},
	{403, "Forbidden", providers.Unauthorized},
	{403, "InvalidProviderToken", providers.Unauthorized},
	{403, "MissingProviderToken", providers.Unauthorized},
	{403, "UnrelatedKeyIdInToken", providers.Unauthorized},
	{404, "BadPath", providers.Refused},
	{405, "MethodNotAllowed", providers.Refused},
	{410, "ExpiredToken", providers.Gone},
	{410, "Unregistered", providers.Gone},
	{413, "PayloadTooLarge", providers.Refused},
	{429, "TooManyProviderTokenUpdates", providers.Unauthorized},
	{429, "TooManyRequests", providers.Throttled},
	{500, "InternalServerError", providers.Temporary},
	{503, "ServiceUnavailable", providers.Temporary},
	{503, "Shutdown", providers.Temporary},
}

// TestEveryReason sends each of Apple's answers and looks what comes of it, in
// the provider's both ways; the table has no other reason.
func TestEveryReason(t *testing.T) {
	for _, transport := range []string{transportDefault, transportStandard} {
		s := simulator(t)
		cfg, home := config(t, s)
		cfg.Transport = transport
		p := provider(t, cfg, home)
		for _, want := range appleReasons {
			s.Script(token, apnstest.Answer{Status: want.status, Reason: want.reason, Times: 1})
			err := p.Push(t.Context(), target(), plain())
			var got *providers.Error
			if !errors.As(err, &got) || got.Kind != want.kind || got.Status != want.status || got.Reason != want.reason {
				t.Errorf("%s: %d %s is %v, want %v", transport, want.status, want.reason, err, want.kind)
			}
		}
	}
	if len(kinds) != len(appleReasons) {
		t.Errorf("%d reasons are classified, Apple has %d", len(kinds), len(appleReasons))
	}
}

// TestAllTokensBad: a wrong topic or environment makes every token look bad.
// However many answers say so, none is taken as proof, and one alarm tells.
func TestAllTokensBad(t *testing.T) {
	s := simulator(t)
	s.SetLoad(apnstest.Load{Every: 1, Answer: apnstest.Answer{Status: 400, Reason: "BadDeviceToken"}})
	cfg, home := config(t, s)
	var log strings.Builder
	var mu sync.Mutex
	l := slog.New(slog.NewTextHandler(locked{&mu, &log}, nil))
	p, err := New("p", cfg, home, l)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	set, err := providers.NewSet(l, providers.DefaultOptions(), p)
	if err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-24 * time.Hour)
	var all sync.WaitGroup
	for i := range 500 {
		all.Go(func() {
			to := providers.Target{Account: fmt.Sprint(i, "@example.com"), Token: fmt.Sprintf("%064x", i), Registered: long, Accepted: long}
			var got *providers.Error
			if err := set.Push(t.Context(), "p", to, plain()); !errors.As(err, &got) || got.Kind != providers.Doubtful || got.Trusted {
				t.Errorf("error %v", err)
			}
		})
	}
	all.Wait()
	mu.Lock()
	defer mu.Unlock()
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), "'sandbox'") {
		t.Errorf("%d alarms:\n%s", n, log.String())
	}
}

// locked is a writer for many.
type locked struct {
	mu *sync.Mutex
	w  *strings.Builder
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// TestColdStart: many pushes at once to a provider without a connection, on few
// streams: none is lost, none fails.
func TestColdStart(t *testing.T) {
	s, err := apnstest.NewWithLimit(100)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.SetLoad(apnstest.Load{CountOnly: true})
	cfg, home := config(t, s)
	p := provider(t, cfg, home)
	var all sync.WaitGroup
	for range 10000 {
		all.Go(func() {
			if err := p.Push(t.Context(), target(), plain()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := s.Counts(); got[200] != 10000 || len(got) != 1 {
		t.Errorf("the simulator answered %v", got)
	}
	if got := s.Connections(); got > cfg.PoolSize {
		t.Errorf("%d connections, %d are configured", got, cfg.PoolSize)
	}
}

// TestMovedIsTold: the environment that accepted a push is told.
func TestMovedIsTold(t *testing.T) {
	p, production, sandbox := environments(t, apnstest.Certificate{UID: topic, Development: true, Production: true})
	for _, known := range []bool{false, true} {
		moved := []bool{}
		to := target()
		to.Sandbox, to.Moved = known, func(sandbox bool) { moved = append(moved, sandbox) }
		if err := p.Push(t.Context(), to, plain()); err != nil || len(moved) != 0 {
			t.Errorf("accepted where it is known to be: %v, moved %v", err, moved)
		}
		first := production
		if known {
			first = sandbox
		}
		first.Script(token, apnstest.Answer{Status: 400, Reason: "BadDeviceToken", Times: 1})
		if err := p.Push(t.Context(), to, plain()); err != nil || len(moved) != 1 || moved[0] == known {
			t.Errorf("accepted elsewhere: %v, moved %v", err, moved)
		}
	}
}
