package apns

import (
	"bytes"
	"context"
	"encoding/json"
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

// newClient makes an apns2 client on a transport. Its own constructor is not
// used: it builds a transport of its own and cannot be given roots.
func newClient(host string, t *h2.Transport) *apns2.Client {
	// Apple redirects nobody; what does would get a token.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &apns2.Client{Host: host, HTTPClient: &http.Client{Transport: notes{t}, CheckRedirect: stay}}
}

// exchange is what apns2 neither sends nor returns. Of the request: the
// expiration 0, the provider token (apns2's own is signed by the local clock,
// differently on each instance), and the payload as it is (apns2 would check
// and write it anew). Of the answer: the status and the headers when the body is
// no JSON, and the time in milliseconds.
type exchange struct {
	noStore bool
	token   string
	payload []byte

	status int
	header http.Header
	body   []byte
}

type exchangeKey struct{}

// placeholder is the payload that apns2 is given.
const placeholder = "0"

// notes is the round tripper between apns2 and the transport; it carries the
// exchange that is in the request's context.
type notes struct{ *h2.Transport }

// RoundTrip implements http.RoundTripper.
func (t notes) RoundTrip(req *http.Request) (*http.Response, error) {
	x, _ := req.Context().Value(exchangeKey{}).(*exchange)
	if x == nil {
		return nil, errors.New("a request that is no push")
	}
	if x.noStore {
		req.Header["Apns-Expiration"] = []string{"0"}
	}
	if x.token != "" {
		req.Header["Authorization"] = []string{"bearer " + x.token}
	}
	req.ContentLength = int64(len(x.payload))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(x.payload)), nil }
	req.Body = io.NopCloser(bytes.NewReader(x.payload))
	resp, err := t.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	x.status, x.header = resp.StatusCode, resp.Header
	if resp.StatusCode != http.StatusOK {
		// It is in memory, and bounded.
		x.body, _ = io.ReadAll(resp.Body)
		resp.Body = http.NoBody
	}
	return resp, nil
}

// send makes one request.
func (s *sender) send(ctx context.Context, sandbox bool, m *message) *providers.Error {
	e := s.request(ctx, sandbox, m)
	if e != nil {
		e.Second, e.Sandbox = m.second, sandbox
	}
	return e
}

func (s *sender) request(ctx context.Context, sandbox bool, m *message) *providers.Error {
	c := s.first
	if m.second {
		c = s.second
	}
	x := &exchange{noStore: m.expiration.IsZero(), payload: m.payload}
	if s.tokens != nil {
		var err error
		if x.token, err = s.tokens.get(); err != nil {
			return &providers.Error{Kind: providers.Unauthorized, Err: err}
		}
	}
	_, err := c.in(sandbox).PushWithContext(context.WithValue(ctx, exchangeKey{}, x), &apns2.Notification{
		ApnsID:      m.id,
		CollapseID:  m.collapse,
		DeviceToken: m.token,
		Topic:       m.topic,
		Expiration:  m.expiration,
		Priority:    m.priority,
		PushType:    apns2.EPushType(m.pushType),
		Payload:     placeholder,
	})
	if x.status == 0 {
		return unanswered(err)
	}
	e := x.outcome()
	if s.tokens != nil {
		reason := ""
		if e != nil {
			reason = e.Reason
		}
		s.tokens.learn(x.token, reason, x.header)
	}
	return e
}

// outcome judges an answer; nil means that the push was accepted.
func (x *exchange) outcome() *providers.Error {
	if x.status == http.StatusOK {
		return nil
	}
	var says struct {
		Reason    string      `json:"reason"`
		Timestamp json.Number `json:"timestamp"` // ms since 1970; some write it as text
	}
	// A body that is no JSON is not Apple's.
	_ = json.Unmarshal(x.body, &says)
	var since time.Time
	if ms, err := says.Timestamp.Int64(); err == nil && ms > 0 {
		since = time.UnixMilli(ms)
	}
	return classify(x.status, says.Reason, since, providers.RetryAfter(x.header, time.Now()))
}

// unanswered makes the error of a request without an answer.
func unanswered(err error) *providers.Error {
	var about *url.Error
	if errors.As(err, &about) {
		err = about.Err // the URL holds the token
	}
	e := &providers.Error{Kind: providers.Temporary, Err: err}
	var request *h2.Error
	var away *h2.GoAway
	switch {
	case certificateRefused(err):
		e.Kind = providers.Unauthorized
	case errors.As(err, &request) && request.Written:
		e.Kind = providers.Unknown
	case errors.As(err, &away):
		// Apple gives its reason for ending a connection in the same form.
		x := exchange{body: []byte(away.Text)}
		if said := x.outcome(); said.Kind == providers.Unauthorized {
			e.Kind, e.Reason = said.Kind, said.Reason
		}
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
