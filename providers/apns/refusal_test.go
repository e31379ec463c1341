package apns

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tpush/tpush/providers"
)

// refusing starts a server and a provider that pushes to it.
func refusing(t *testing.T, change func(*httptest.Server), h http.HandlerFunc) *Provider {
	t.Helper()
	cfg, home := config(t, simulator(t))
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{}
	change(s)
	s.StartTLS()
	t.Cleanup(s.Close)
	cfg.CAFile = write(t, home, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	cfg.Host = s.Listener.Addr().String()
	return provider(t, cfg, home)
}

// TestCertificateRefusedInTLS: Apple ends the handshake for a certificate that
// is revoked or has expired.
func TestCertificateRefusedInTLS(t *testing.T) {
	p := refusing(t, func(s *httptest.Server) {
		s.TLS.MaxVersion = tls.VersionTLS12
		s.TLS.ClientAuth = tls.RequireAndVerifyClientCert
		s.TLS.ClientCAs = x509.NewCertPool()
	}, nil)
	if err := p.Push(t.Context(), target(), plain()); providers.KindOf(err) != providers.Unauthorized {
		t.Errorf("error %v", err)
	}
}

func TestServerWithoutHTTP2(t *testing.T) {
	p := refusing(t, func(s *httptest.Server) { s.EnableHTTP2 = false }, nil)
	err := p.Push(t.Context(), target(), plain())
	if providers.KindOf(err) != providers.Temporary || !strings.Contains(err.Error(), "offers no HTTP/2") {
		t.Errorf("error %v", err)
	}
}

// TestRedirect: the token goes to nobody but the configured server.
func TestRedirect(t *testing.T) {
	requests := 0
	p := refusing(t, func(*httptest.Server) {}, func(w http.ResponseWriter, r *http.Request) {
		requests++
		http.Redirect(w, r, "/elsewhere"+r.URL.Path, http.StatusTemporaryRedirect)
	})
	err := p.Push(t.Context(), target(), plain())
	var got *providers.Error
	if !errors.As(err, &got) || got.Status != http.StatusTemporaryRedirect || requests != 1 {
		t.Errorf("error %v after %d requests", err, requests)
	}
}

// TestTokensStayOutOfLogs: in the log they are hashes, whatever went wrong.
func TestTokensStayOutOfLogs(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	var out bytes.Buffer
	p, err := New("p", cfg, home, slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	_ = p.Push(t.Context(), target(), plain())
	_ = p.Push(t.Context(), providers.Target{Token: "../../" + token}, plain())
	s.Close()
	_ = p.Push(t.Context(), target(), call())
	p.Close() // nothing is logged any more
	if text := out.String(); strings.Contains(text, token) || strings.Contains(text, second) || !strings.Contains(text, providers.ShortToken(token)) {
		t.Errorf("log:\n%s", text)
	}
}
