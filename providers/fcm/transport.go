package fcm

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/h2"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"
)

const (
	maxAnswer    = 64 << 10
	tokenTimeout = 10 * time.Second
	// early is how long before its end a token is renewed.
	early = 5 * time.Minute
	// connections bounds those to one host; over HTTP/2 few carry all.
	connections = 64
)

// transport makes the connections to Google.
func transport(caFile, home string) (*http.Transport, error) {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:     true,
		MaxConnsPerHost:       connections,
		MaxIdleConnsPerHost:   connections,
		IdleConnTimeout:       time.Hour,
		TLSHandshakeTimeout:   10 * time.Second,
		DisableCompression:    true,
		ResponseHeaderTimeout: 30 * time.Second,
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
	}
	if caFile != "" && !filepath.IsAbs(caFile) {
		caFile = filepath.Join(home, caFile)
	}
	pool, err := h2.Roots(caFile)
	t.TLSClientConfig.RootCAs = pool
	return t, err
}

// exchange is what became of one request.
type exchange struct {
	cancel      context.CancelFunc
	source      *source
	status      int
	contentType string
	body        []byte
	retryAfter  time.Duration
	err         *providers.Error // without an answer
}

type exchangeKey struct{}

// source gives one access token after the other.
type source struct{ oauth2.TokenSource }

// authorizer is the round tripper below firebase's client: it adds the access
// token, notes the outcome, and ends the request's context when firebase would
// repeat it.
type authorizer struct {
	base   *http.Transport
	config *jwt.Config
	ctx    context.Context // holds the client that tokens are fetched with
	source atomic.Pointer[source]
}

func newAuthorizer(base *http.Transport, config *jwt.Config) *authorizer {
	a := &authorizer{base: base, config: config}
	a.ctx = context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Transport: base, Timeout: tokenTimeout})
	a.renew(nil)
	return a
}

// renew throws away the token of a source, once.
func (a *authorizer) renew(old *source) {
	fresh := &source{oauth2.ReuseTokenSourceWithExpiry(nil, a.config.TokenSource(a.ctx), early)}
	a.source.CompareAndSwap(old, fresh)
}

// RoundTrip implements http.RoundTripper.
func (a *authorizer) RoundTrip(req *http.Request) (*http.Response, error) {
	x, _ := req.Context().Value(exchangeKey{}).(*exchange)
	if x == nil {
		return nil, errors.New("a request that is no push")
	}
	x.source = a.source.Load()
	token, err := x.source.Token()
	if err != nil {
		x.err = tokenError(err)
		x.cancel()
		return nil, err
	}
	req = req.Clone(req.Context())
	token.SetAuthHeader(req)
	var written atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { written.Store(true) }}
	resp, err := a.base.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err == nil {
		err = x.note(resp)
	}
	if err != nil {
		x.err = &providers.Error{Kind: providers.Temporary, Err: err}
		if written.Load() {
			x.err.Kind = providers.Unknown
		}
		x.cancel()
		return nil, err
	}
	if x.status != http.StatusOK {
		x.cancel()
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

// tokenError makes the error of an access token that was not issued. It never
// says anything of a device.
func tokenError(err error) *providers.Error {
	e := &providers.Error{Kind: providers.Temporary, Reason: "OAuth", Err: fmt.Errorf("fetch access token: %w", err)}
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil {
		e.Status = refused.Response.StatusCode
		if e.Status >= 400 && e.Status < 500 && e.Status != http.StatusTooManyRequests {
			e.Kind = providers.Unauthorized
		}
		var why struct {
			Code        string `json:"error"`
			Description string `json:"error_description"`
		}
		// A body that is no JSON says nothing; the status is there.
		_ = json.Unmarshal(refused.Body, &why)
		e.Err = fmt.Errorf("fetch access token: %s %s", why.Code, why.Description)
	}
	return e
}
