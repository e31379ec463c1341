package apns

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sideshow/apns2"
	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/h2"
)

// maxAnswer bounds what is read of an answer's body, in bytes.
const maxAnswer = 64 << 10

// client makes an apns2 client on a transport. NewClient is not used: it builds
// a transport of its own and cannot be given roots.
func client(host string, t *h2.Transport) *apns2.Client {
	// Apple redirects nobody; what does would get a token.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &apns2.Client{Host: host, HTTPClient: &http.Client{Transport: &notes{t}, CheckRedirect: stay}}
}

// exchange is what apns2 neither sends nor returns: the expiration 0, and of
// the answer the status and Retry-After when the body is no JSON.
type exchange struct {
	noStore    bool
	status     int
	retryAfter time.Duration
}

type exchangeKey struct{}

// notes is the round tripper between apns2 and the transport; it carries the
// exchange that is in the request's context.
type notes struct{ *h2.Transport }

// RoundTrip implements http.RoundTripper.
func (t *notes) RoundTrip(req *http.Request) (*http.Response, error) {
	x, _ := req.Context().Value(exchangeKey{}).(*exchange)
	if x != nil && x.noStore {
		req.Header.Set("apns-expiration", "0")
	}
	resp, err := t.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if x != nil {
		x.status = resp.StatusCode
		x.retryAfter = providers.RetryAfter(resp.Header, time.Now())
	}
	resp.Body = &limited{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

type limited struct {
	io.Reader
	io.Closer
}

// send makes one request.
func (p *Provider) send(ctx context.Context, c clients, sandbox bool, m *message) *providers.Error {
	to := c.production
	if sandbox {
		to = c.sandbox
	}
	x := &exchange{noStore: m.expiration.IsZero()}
	resp, err := to.PushWithContext(context.WithValue(ctx, exchangeKey{}, x), &apns2.Notification{
		ApnsID:      m.id,
		CollapseID:  m.collapse,
		DeviceToken: m.token,
		Topic:       m.topic,
		Expiration:  m.expiration,
		Priority:    m.priority,
		PushType:    apns2.EPushType(m.pushType),
		Payload:     m.payload,
	})
	var e *providers.Error
	switch {
	case err == nil && resp.Sent():
		return nil
	case err == nil:
		e = classify(resp.StatusCode, resp.Reason, resp.Timestamp.Time, x.retryAfter)
	case x.status == http.StatusOK:
		return nil // taken, whatever its body says
	case x.status != 0:
		e = classify(x.status, "", time.Time{}, x.retryAfter)
	default:
		e = unanswered(err)
	}
	e.Second, e.Sandbox = m.second, sandbox
	return e
}

// unanswered makes the error of a request without an answer.
func unanswered(err error) *providers.Error {
	var about *url.Error
	if errors.As(err, &about) {
		err = about.Err // the URL holds the token
	}
	e := &providers.Error{Kind: providers.Temporary, Err: err}
	var request *h2.Error
	switch {
	case certificateRefused(err):
		e.Kind = providers.Unauthorized
	case errors.As(err, &request) && request.Written:
		e.Kind = providers.Unknown
	}
	return e
}

// alerts are those with which a server refuses a client's certificate (RFC 8446
// section 6.2), in the words of crypto/tls, which exports no type for them. With
// TLS 1.3 they come after the first request is written.
var alerts = []string{"bad certificate", "unsupported certificate", "revoked certificate", "expired certificate",
	"unknown certificate", "unknown certificate authority", "access denied", "certificate required"}

// certificateRefused reports whether the server ended the TLS handshake because
// of our certificate, as Apple does with revoked and expired ones.
func certificateRefused(err error) bool {
	var alert *net.OpError
	return errors.As(err, &alert) && alert.Op == "remote error" &&
		slices.Contains(alerts, strings.TrimPrefix(alert.Err.Error(), "tls: "))
}
