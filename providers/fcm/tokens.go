package fcm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tpush/tpush/providers"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"
)

const (
	tokenTimeout = 10 * time.Second
	// renewTimeout leaves the push that renews a token, which still works, the
	// time to be sent.
	renewTimeout = 3 * time.Second
	// early is how long before its end a token is renewed, late how long before
	// it is not used any more; less for one that lives shortly.
	early = 5 * time.Minute
	late  = 10 * time.Second
	// renewPause is kept after a renewal that did not work while the old token
	// still does.
	renewPause = 30 * time.Second
)

// tokens keeps the access token that requests are sent with. It takes the place
// of oauth2's sources, in which callers queue without regard to their context:
// when Google's token endpoint hangs, each would wait for all before it.
type tokens struct {
	config *jwt.Config
	base   http.RoundTripper

	mu      sync.Mutex
	token   *oauth2.Token // nil: none
	renewAt time.Time     // when a new one is to be asked for
	endsAt  time.Time     // when it is not used any more; zero: never
	running *fetch        // nil: nobody asks
}

// fetch is one request for a token: by the first caller who needs it, in its
// time, for all who do meanwhile.
type fetch struct {
	limit     time.Duration
	done      chan struct{} // closed at the end; what follows is set then
	token     *oauth2.Token
	err       error
	abandoned bool // the caller's time was over
}

// get returns a token. While one that is soon to end still works, one caller
// renews it and the others go on with it.
func (t *tokens) get(ctx context.Context) (*oauth2.Token, error) {
	for {
		token, f, first := t.join(time.Now())
		switch {
		case token != nil:
			return token, nil
		case first:
			t.run(ctx, f)
		default:
			select {
			case <-f.done:
			case <-ctx.Done():
				return nil, fmt.Errorf("wait for access token: %w", context.Cause(ctx))
			}
		}
		if first || !f.abandoned {
			return f.token, f.err
		}
	}
}

// join returns the token, or the fetch to wait for; first means that the caller
// is the one to run it.
func (t *tokens) join(now time.Time) (token *oauth2.Token, f *fetch, first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.good(now) && (now.Before(t.renewAt) || t.running != nil) {
		return t.token, nil, false
	}
	if t.running != nil {
		return nil, t.running, false
	}
	t.running = &fetch{limit: tokenTimeout, done: make(chan struct{})}
	if t.good(now) {
		t.running.limit = renewTimeout
	}
	return nil, t.running, true
}

// good reports whether the token can be used. One without an end is used until
// Google refuses it.
func (t *tokens) good(now time.Time) bool {
	return t.token != nil && (t.endsAt.IsZero() || now.Before(t.endsAt))
}

// run asks for a token and tells those who wait.
func (t *tokens) run(ctx context.Context, f *fetch) {
	token, err := t.request(ctx, f.limit)
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err == nil:
		t.token, t.renewAt, t.endsAt = token, now.Add(time.Hour), time.Time{}
		if life := token.Expiry.Sub(now); !token.Expiry.IsZero() {
			t.renewAt, t.endsAt = token.Expiry.Add(-min(early, life/4)), token.Expiry.Add(-min(late, life/8))
		}
	case t.good(now):
		token, err = t.token, nil
		t.renewAt = now.Add(renewPause)
	}
	f.token, f.err, f.abandoned = token, err, err != nil && ctx.Err() != nil
	t.running = nil
	close(f.done)
}

// request asks Google's token endpoint (RFC 7523 section 2.1).
func (t *tokens) request(ctx context.Context, limit time.Duration) (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	client := &http.Client{Transport: &bound{ctx, t.base}}
	token, err := t.config.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, client)).Token()
	if err == nil && token.AccessToken == "" {
		return nil, errors.New("the token endpoint's answer holds no access_token")
	}
	return token, err
}

// drop throws a token away that Google has refused, unless a newer one has taken
// its place.
func (t *tokens) drop(refused *oauth2.Token) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token == refused {
		t.token = nil
	}
}

// maxDescription bounds what an error repeats of the token endpoint's answer.
const maxDescription = 200

// tokenError makes the error of an access token that was not issued. It never
// says anything of a device.
func tokenError(err error) *providers.Error {
	e := &providers.Error{Kind: providers.Temporary, Reason: "OAuth", Err: fmt.Errorf("fetch access token: %w", err)}
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) || refused.Response == nil {
		return e
	}
	e.Status = refused.Response.StatusCode
	e.RetryAfter = providers.RetryAfter(refused.Response.Header, time.Now())
	if e.Status >= 400 && e.Status < 500 && e.Status != http.StatusTooManyRequests {
		e.Kind = providers.Unauthorized
	}
	var why struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	// A body that is no JSON says nothing; the status is there.
	_ = json.Unmarshal(refused.Body, &why)
	text := strings.TrimSpace(why.Code + " " + why.Description)
	text = strings.ToValidUTF8(text[:min(len(text), maxDescription)], "")
	switch {
	case e.Kind == providers.Unauthorized:
		text = strings.TrimPrefix(text+"; look at 'service-account-file', at the account in the Google Cloud console, and at this machine's clock", "; ")
	case text == "":
		text = "the token endpoint has trouble"
	}
	e.Err = fmt.Errorf("fetch access token: %s", text)
	return e
}
