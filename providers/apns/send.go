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
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sideshow/apns2"
	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/h2"
)

// client pushes to one of Apple's environments with one credential.
type client struct {
	host      string // with the port, if it is not 443
	transport *h2.Transport
	// library makes the requests where transport = 'standard' asks for it. By
	// default they are made here, the same to the letter (a test compares them):
	// apns2 and http.Client cost as much again as the way through h2.
	library *apns2.Client
	free    sync.Pool // of *exchange, but not with the library, which may hold on to a request
}

// newClient makes a client on a transport. apns2's own constructor is not used:
// it builds a transport of its own and cannot be given roots.
func newClient(address string, t *h2.Transport, library bool) *client {
	c := &client{host: strings.TrimSuffix(address, ":443"), transport: t}
	if library {
		// Apple redirects nobody; what does would get a token.
		stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		c.library = &apns2.Client{Host: "https://" + c.host, HTTPClient: &http.Client{Transport: notes{t}, CheckRedirect: stay}}
	}
	return c
}

// exchange begins one for a push; done takes it back.
func (c *client) exchange(m *message) *exchange {
	x, ok := c.free.Get().(*exchange)
	if !ok {
		x = new(exchange)
	}
	x.m = m
	return x
}

func (c *client) done(x *exchange) {
	if c.library != nil {
		return
	}
	*x = exchange{}
	c.free.Put(x)
}

// push makes the request of an exchange and notes the answer in it.
func (c *client) push(ctx context.Context, x *exchange) error {
	if c.library != nil {
		return c.byLibrary(ctx, x)
	}
	x.req = h2.Request{Host: c.host, Path: "/3/device/" + x.m.token, Header: x.headers(), Body: x.m.payload}
	return c.transport.Do(ctx, x.m.until, &x.req, x)
}

func (c *client) byLibrary(ctx context.Context, x *exchange) error {
	to := providers.Target{Until: x.m.until}
	ctx, cancel := to.Bound(ctx)
	defer cancel()
	_, err := c.library.PushWithContext(context.WithValue(ctx, exchangeKey{}, x),
		&apns2.Notification{DeviceToken: x.m.token, Payload: placeholder})
	return err
}

// exchange is a push and what became of it. Of the request apns2 gets only the
// device token: it cannot say that a push expires at once, signs its own provider
// tokens by the local clock, differently on each instance, and checks and writes
// the payload anew. Of the answer it loses the status when the body is no JSON,
// all headers, and the milliseconds of the time.
type exchange struct {
	m     *message
	token string // the provider token; empty with certificates

	req    h2.Request
	fields [8]h2.Field // of it

	status int
	header http.Header // of a failure, as the next
	body   []byte
}

// Answer implements [h2.Answerer].
func (x *exchange) Answer(status int, header []h2.Field, body []byte) {
	if x.status = status; status == http.StatusOK {
		return
	}
	x.body, x.header = bytes.Clone(body), make(http.Header, len(header))
	for _, f := range header {
		x.header.Add(f.Name, f.Value)
	}
}

type exchangeKey struct{}

// placeholder is the payload that apns2 is given.
const placeholder = "0"

// headers are the request's (Apple, "Sending notification requests to APNs").
// Those that differ from push to push are sensitive: in a connection's table they
// would only push the others out.
func (x *exchange) headers() []h2.Field {
	expiration := "0"
	if !x.m.expiration.IsZero() {
		expiration = strconv.FormatInt(x.m.expiration.Unix(), 10)
	}
	all := append(x.fields[:0],
		h2.Field{Name: "content-type", Value: "application/json; charset=utf-8"},
		h2.Field{Name: "apns-topic", Value: x.m.topic},
		h2.Field{Name: "apns-push-type", Value: x.m.pushType},
		h2.Field{Name: "apns-priority", Value: strconv.Itoa(x.m.priority)})
	if x.token != "" {
		all = append(all, h2.Field{Name: "authorization", Value: "bearer " + x.token})
	}
	all = append(all,
		h2.Field{Name: "apns-expiration", Value: expiration, Sensitive: true},
		h2.Field{Name: "apns-id", Value: x.m.id, Sensitive: true},
		h2.Field{Name: "apns-collapse-id", Value: x.m.collapse, Sensitive: true})
	return slices.DeleteFunc(all, func(f h2.Field) bool { return f.Value == "" })
}

// notes is the round tripper below apns2; it carries the exchange that is in the
// request's context.
type notes struct{ *h2.Transport }

// RoundTrip implements http.RoundTripper.
func (t notes) RoundTrip(req *http.Request) (*http.Response, error) {
	x, _ := req.Context().Value(exchangeKey{}).(*exchange)
	if x == nil {
		return nil, errors.New("a request that is no push")
	}
	req.Header = make(http.Header)
	for _, f := range x.headers() {
		req.Header.Set(f.Name, f.Value)
	}
	payload := bytes.Clone(x.m.payload) // x/net may read it after all is over
	req.ContentLength = int64(len(payload))
	req.Body = h2.Body(payload)
	req.GetBody = func() (io.ReadCloser, error) { return h2.Body(payload), nil }
	resp, err := t.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	// It is in memory, and bounded.
	body, _ := io.ReadAll(resp.Body)
	var header []h2.Field
	for name, values := range resp.Header {
		for _, v := range values {
			header = append(header, h2.Field{Name: strings.ToLower(name), Value: v})
		}
	}
	x.Answer(resp.StatusCode, header, body)
	resp.Body = http.NoBody
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
	with := s.first
	if m.second {
		with = s.second
	}
	c := with.in(sandbox)
	x := c.exchange(m)
	defer c.done(x)
	if s.tokens != nil {
		var err error
		if x.token, err = s.tokens.get(); err != nil {
			return &providers.Error{Kind: providers.Unauthorized, Err: err}
		}
	}
	err := c.push(ctx, x)
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
