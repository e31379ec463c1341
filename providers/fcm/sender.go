package fcm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"firebase.google.com/go/v4/messaging"
	"github.com/tpush/tpush/providers"
	"google.golang.org/api/option"
)

// sender sends with the credentials of one service account.
type sender struct {
	client *messaging.Client
	tokens *tokens
	quota  *quota
}

// load makes a sender of the service account; p.loading is held. Errors are
// sentences for admins that name the property.
func (p *Provider) load() (*sender, error) {
	a, err := loadAccount(p.cfg.ServiceAccountFile, p.home)
	if err != nil {
		return nil, fmt.Errorf("service-account-file: %w", err)
	}
	project := p.cfg.ProjectID
	if project == "" {
		project = a.project
	}
	if project == "" {
		return nil, errors.New("project-id: it is missing, and the service account's file does not tell")
	}
	if p.project != "" && project != p.project {
		// Its answers are another project's: what was learnt of this one would make
		// them look as if the devices were gone.
		return nil, fmt.Errorf("service-account-file: it is now of project %s, not %s: restart tpush if that is meant", project, p.project)
	}
	p.project = project
	s := &sender{tokens: &tokens{config: a.jwt, base: p.plainly}, quota: p.quotas.of(project)}
	s.client, err = newClient(project, p.cfg.Endpoint, &recorder{p.way, s.tokens})
	return s, err
}

// configOf names the type that messaging.NewClient wants, which is internal to
// firebase. Its public way goes through the package firebase, which links
// Firestore, Storage and gRPC: twice the binary.
func configOf[C, R any](func(context.Context, *C) (R, error)) *C { return new(C) }

func newClient(project, endpoint string, rt http.RoundTripper) (*messaging.Client, error) {
	c := configOf(messaging.NewClient)
	c.ProjectID, c.Version = project, "4.19.0"
	c.Opts = []option.ClientOption{option.WithHTTPClient(&http.Client{Transport: rt}), option.WithEndpoint(endpoint)}
	client, err := messaging.NewClient(context.Background(), c)
	if err != nil {
		return nil, fmt.Errorf("make FCM client: %w", err)
	}
	return client, nil
}

// turn waits until the project's quota has room for a message.
func (s *sender) turn(ctx context.Context) error {
	wait := s.quota.take(time.Now())
	if wait == 0 {
		return nil
	}
	if wait > longestTurn {
		return &providers.Error{Kind: providers.Throttled, Reason: "project quota", RetryAfter: wait,
			Err: errors.New("not sent: the project has used up what Google takes in a minute")}
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return &providers.Error{Kind: providers.Temporary, Reason: "busy", Err: fmt.Errorf("wait for the project's quota: %w", ctx.Err())}
	}
}

// send sends a message. What the recorder has noted is the outcome: firebase's
// own error may be that its context was ended.
func (s *sender) send(ctx context.Context, x *exchange, m *messaging.Message, dry bool) *providers.Error {
	deliver := s.client.Send
	if dry {
		deliver = s.client.SendDryRun
	}
	// The answer is in the exchange.
	_, _ = deliver(ctx, m)
	switch {
	case x.accepted():
		return nil
	case x.status != 0:
		return s.judge(x)
	case x.err != nil:
		return x.err
	}
	// Nothing was sent. Firebase's words are left out: they may hold the token.
	return &providers.Error{Kind: providers.Refused, Reason: "not sent", Err: errors.New("firebase's client refuses the message")}
}

// judge makes the error of an answer. An access token that Google refuses is
// thrown away, so that a repeat fetches another.
func (s *sender) judge(x *exchange) *providers.Error {
	e, limited := classify(x)
	if limited {
		s.quota.hold(time.Now().Add(e.RetryAfter))
	}
	if x.status == http.StatusUnauthorized && e.Kind == providers.Unauthorized {
		s.tokens.drop(x.token)
	}
	return e
}
