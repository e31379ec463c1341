package fcm

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/h2"
	"golang.org/x/oauth2"
)

// maxAnswer bounds what is read of an answer's body, in bytes.
const maxAnswer = 64 << 10

// exchange is what became of one request.
type exchange struct {
	device      string // the message's token, which no error may show
	cancel      context.CancelFunc
	token       *oauth2.Token // that it was sent with
	status      int           // 0: no answer
	contentType string
	body        []byte
	retryAfter  time.Duration
	err         *providers.Error // without an answer
}

// accepted reports whether FCM has taken the message: it says so with a JSON
// object. A login page of the network or a proxy's empty answer comes with 200,
// too.
func (x *exchange) accepted() bool {
	return x.status == http.StatusOK && bytes.HasPrefix(bytes.TrimSpace(x.body), []byte("{"))
}

type exchangeKey struct{}

// recorder is the round tripper below firebase's client: it adds the access
// token, notes the outcome in the exchange that the request's context holds, and
// ends that context, so that firebase does not repeat the request: it would up
// to five times over seven seconds, without regard to whether Google got it.
type recorder struct {
	base   http.RoundTripper // its errors are [*h2.Error]
	tokens *tokens
}

// RoundTrip implements http.RoundTripper.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	x, _ := req.Context().Value(exchangeKey{}).(*exchange)
	if x == nil {
		return nil, errors.New("a request that is no push")
	}
	if x.status != 0 {
		// The answer is known; firebase did not like its body.
		x.cancel()
		return nil, errors.New("a message is sent once")
	}
	resp, err := r.send(req, x)
	if err != nil || !x.accepted() {
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
	// A round tripper may not change the request that it is given.
	req = req.WithContext(req.Context())
	req.Header = req.Header.Clone()
	x.token.SetAuthHeader(req)
	resp, err := r.base.RoundTrip(req)
	if err == nil {
		err = x.note(resp)
	}
	if err != nil {
		x.err = unanswered(err)
		return nil, err
	}
	return resp, nil
}

// unanswered makes the error of a request without an answer. A certificate that
// cannot be verified is told by its cause.
func unanswered(err error) *providers.Error {
	e := &providers.Error{Kind: providers.Temporary, Err: err}
	if unsent, ok := errors.AsType[*h2.Error](err); !ok || unsent.Written {
		e.Kind = providers.Unknown
	}
	return e
}

// note keeps what counts of an answer and gives its body back. One that is cut
// short is none, but for one that has begun to say that the message is taken.
func (x *exchange) note(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	resp.Body.Close()
	x.status, x.body, x.contentType = resp.StatusCode, body, resp.Header.Get("Content-Type")
	if err != nil && !x.accepted() {
		x.status = 0
		return err
	}
	x.retryAfter = providers.RetryAfter(resp.Header, time.Now())
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}
