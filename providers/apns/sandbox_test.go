package apns

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/apns/apnstest"
)

// environments is a provider that falls back, with a simulator for each of
// Apple's environments.
func environments(t *testing.T, c apnstest.Certificate) (p *Provider, production, sandbox *apnstest.Server) {
	t.Helper()
	production = simulator(t)
	sandbox, err := production.Sandbox()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sandbox.Close)
	home := t.TempDir()
	data, err := issue(t, production, c).PEM()
	if err != nil {
		t.Fatal(err)
	}
	cfg := Defaults()
	cfg.CertFile, cfg.CAFile = write(t, home, "cert.pem", data), write(t, home, "ca.pem", production.CA())
	cfg.FallbackToSandbox = true
	p, err = newProvider("p", cfg, home, hosts{production.Addr(), sandbox.Addr()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p, production, sandbox
}

func TestFallbackToSandbox(t *testing.T) {
	both := apnstest.Certificate{UID: topic, Development: true, Production: true}
	bad := apnstest.Answer{Status: 400, Reason: "BadDeviceToken"}
	for name, tc := range map[string]struct {
		cert                apnstest.Certificate
		production, sandbox *apnstest.Answer // nil: accepted
		known               bool             // the device is known to be of the test environment
		requests            [2]int
		want                *providers.Error // nil: accepted
	}{
		"production knows it": {cert: both, requests: [2]int{1, 0}},
		"sandbox knows it":    {cert: both, production: &bad, requests: [2]int{1, 1}},
		"nobody knows it": {cert: both, production: &bad, sandbox: &bad, requests: [2]int{1, 1},
			want: &providers.Error{Kind: providers.Doubtful}},
		"dead in the sandbox": {cert: both, production: &bad, sandbox: &apnstest.Answer{Status: 410, Reason: "Unregistered"}, requests: [2]int{1, 1},
			want: &providers.Error{Kind: providers.Gone, Sandbox: true}},
		"sandbox has trouble": {cert: both, production: &bad, sandbox: &apnstest.Answer{Status: 503, Reason: "ServiceUnavailable"}, requests: [2]int{1, 1},
			want: &providers.Error{Kind: providers.Temporary, Sandbox: true}},
		"certificate not for the sandbox": {cert: apnstest.Certificate{UID: topic, Production: true}, production: &bad, requests: [2]int{1, 1},
			want: &providers.Error{Kind: providers.Doubtful}},
		"other failures stay": {cert: both, production: &apnstest.Answer{Status: 410, Reason: "Unregistered"}, requests: [2]int{1, 0},
			want: &providers.Error{Kind: providers.Gone}},
		"known to be there": {cert: both, known: true, requests: [2]int{0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			p, production, sandbox := environments(t, tc.cert)
			if tc.production != nil {
				production.Script(token, *tc.production)
			}
			if tc.sandbox != nil {
				sandbox.Script(token, *tc.sandbox)
			}
			to := target()
			to.Sandbox = tc.known
			err := p.Push(t.Context(), to, plain())
			var got *providers.Error
			switch {
			case tc.want == nil && err != nil:
				t.Errorf("error %v", err)
			case tc.want != nil && (!errors.As(err, &got) || got.Kind != tc.want.Kind || got.Sandbox != tc.want.Sandbox):
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
			if n := [2]int{len(production.Pushes()), len(sandbox.Pushes())}; n != tc.requests {
				t.Errorf("%v requests to production and sandbox, want %v", n, tc.requests)
			}
		})
	}
}
