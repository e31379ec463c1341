package fcm

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/h2"
	"golang.org/x/oauth2"
)

const (
	// maxAnswer bounds what is read of an answer's body, in bytes.
	maxAnswer = 64 << 10
	// connections bounds those to one host; over HTTP/2 few carry all.
	connections = 64
	dialTimeout = 10 * time.Second
)

// transport makes the connections to Google.
func transport(cfg *Config, home string) (*http.Transport, error) {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:     true,
		MaxConnsPerHost:       connections,
		MaxIdleConnsPerHost:   connections,
		IdleConnTimeout:       time.Hour,
		TLSHandshakeTimeout:   dialTimeout,
		DisableCompression:    true,
		ResponseHeaderTimeout: 30 * time.Second,
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
	}
	if cfg.Proxy != "" {
		u, err := url.Parse(cfg.Proxy)
		if err != nil || u.Host == "" {
			// The value is not repeated: it may hold a password.
			return nil, errors.New("proxy: it is an address such as http://proxy.example.com:3128")
		}
		t.Proxy = http.ProxyURL(u)
	}
	file := cfg.CAFile
	if file != "" && !filepath.IsAbs(file) {
		file = filepath.Join(home, file)
	}
	pool, err := h2.Roots(file)
	if err != nil {
		return nil, fmt.Errorf("ca-file: %w", err)
	}
	t.TLSClientConfig.RootCAs = pool
	return t, nil
}

// exchange is what became of one request.
type exchange struct {
	cancel      context.CancelFunc
	token       *oauth2.Token // that it was sent with
	status      int           // 0: no answer
	contentType string
	body        []byte
	retryAfter  time.Duration
	err         *providers.Error // without an answer
}

type exchangeKey struct{}

// recorder is the round tripper below firebase's client: it adds the access
// token, notes the outcome in the exchange that the request's context holds, and
// ends that context, so that firebase does not repeat the request.
type recorder struct {
	base   http.RoundTripper
	tokens *tokens
}

// RoundTrip implements http.RoundTripper.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	x, _ := req.Context().Value(exchangeKey{}).(*exchange)
	if x == nil {
		return nil, errors.New("a request that is no push")
	}
	resp, err := r.send(req, x)
	if err != nil || x.status != http.StatusOK {
		x.cancel()
	}
	return resp, err
}

func (r *recorder) send(req *http.Request, x *exchange) (*http.Response, error) {
	var err error
	if x.token, err = r.tokens.get(req.Context()); err != nil {
		x.err = tokenError(err)
		return nil, err
	}
	var written atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { written.Store(true) }}
	req = req.Clone(httptrace.WithClientTrace(req.Context(), trace))
	x.token.SetAuthHeader(req)
	resp, err := r.base.RoundTrip(req)
	if err == nil {
		err = x.note(resp)
	}
	if err != nil {
		x.err = &providers.Error{Kind: providers.Temporary, Err: err}
		if written.Load() {
			x.err.Kind = providers.Unknown
		}
		return nil, err
	}
	return resp, nil
}

// note keeps what counts of an answer and gives its body back.
func (x *exchange) note(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	resp.Body.Close()
	if err != nil {
		return err
	}
	x.status, x.body, x.contentType = resp.StatusCode, body, resp.Header.Get("Content-Type")
	x.retryAfter = providers.RetryAfter(resp.Header, time.Now())
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}
