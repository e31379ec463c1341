package fcm

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/tpush/tpush/providers/h2"
)

const (
	// connections bounds those of net/http to one host.
	connections = 64
	dialTimeout = 10 * time.Second
)

// standard makes the connections to the token endpoint, and to messages' own
// where that is no https.
func standard(cfg *Config, roots *x509.CertPool) (*http.Transport, error) {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		ForceAttemptHTTP2:     true, // some token endpoint may offer nothing else
		MaxConnsPerHost:       connections,
		MaxIdleConnsPerHost:   connections,
		IdleConnTimeout:       time.Minute,
		TLSHandshakeTimeout:   dialTimeout,
		DisableCompression:    true,
		ResponseHeaderTimeout: 30 * time.Second,
	}
	if cfg.Proxy != "" {
		u, err := url.Parse(cfg.Proxy)
		if err != nil || u.Host == "" {
			// The value is not repeated: it may hold a password.
			return nil, errors.New("proxy: it is an address such as http://proxy.example.com:3128")
		}
		t.Proxy = http.ProxyURL(u)
	}
	return t, nil
}

// connect makes the way of messages to an endpoint; errors are those of
// [h2.Transport.RoundTrip]. Close ends it.
func connect(endpoint *url.URL, cfg *Config, roots *x509.CertPool, plainly *http.Transport, l *slog.Logger) (way http.RoundTripper, end func(), err error) {
	if endpoint.Scheme == "http" {
		return &traced{plainly}, func() {}, nil
	}
	port := endpoint.Port()
	if port == "" {
		port = "443"
	}
	t, err := h2.New(net.JoinHostPort(endpoint.Hostname(), port), h2.Options{
		TLS: &tls.Config{RootCAs: roots}, Proxy: cfg.Proxy, HTTP1: true, Standard: cfg.Transport == transportStandard, Log: l})
	if err != nil {
		return nil, nil, err
	}
	return t, t.Close, nil
}

// traced tells of a request without an answer, as package h2 does, whether it
// was written.
type traced struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t *traced) RoundTrip(req *http.Request) (*http.Response, error) {
	var written atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { written.Store(true) }}
	resp, err := t.base.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil {
		return nil, &h2.Error{Written: written.Load(), Err: err}
	}
	return resp, nil
}

// bound ends requests with a context; oauth2 makes them without one.
type bound struct {
	ctx  context.Context
	base http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (b *bound) RoundTrip(req *http.Request) (*http.Response, error) {
	return b.base.RoundTrip(req.WithContext(b.ctx))
}
