package fcm

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"firebase.google.com/go/v4/messaging"
	"github.com/tpush/tpush/providers"
	"google.golang.org/api/option"
)

// Provider pushes for one Firebase project.
type Provider struct {
	info   providers.Info
	client *messaging.Client
	base   *http.Transport
	tokens *tokens
	cfg    Config
	slots  chan struct{}
	log    *slog.Logger
}

var _ providers.Provider = (*Provider)(nil)

// New loads the credentials. Relative file names are below home. Errors are
// sentences for admins that name the property.
func New(name string, cfg Config, home string, l *slog.Logger) (*Provider, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	a, err := loadAccount(cfg.ServiceAccountFile, home)
	if err != nil {
		return nil, fmt.Errorf("service-account-file: %w", err)
	}
	if cfg.ProjectID == "" {
		cfg.ProjectID = a.project
	}
	if cfg.ProjectID == "" {
		return nil, errors.New("project-id: it is missing, and the service account's file does not tell")
	}
	base, err := transport(&cfg, home)
	if err != nil {
		return nil, err
	}
	p := &Provider{
		info: providers.Info{ID: name, Aliases: cfg.Aliases, Label: "FCM", MaxPayload: 3072,
			Features: []string{"tigase:push:encrypt:0", "tigase:push:priority:0"}},
		base:   base,
		tokens: &tokens{config: a.jwt, base: base},
		cfg:    cfg,
		slots:  make(chan struct{}, cfg.MaxConcurrent),
		log:    l,
	}
	if p.client, err = newClient(cfg, &recorder{base, p.tokens}); err != nil {
		return nil, err
	}
	return p, nil
}

// configOf names the type that messaging.NewClient wants, which is internal to
// firebase. Its public way goes through the package firebase, which links
// Firestore, Storage and gRPC: twice the binary.
func configOf[C, R any](func(context.Context, *C) (R, error)) *C { return new(C) }

func newClient(cfg Config, rt http.RoundTripper) (*messaging.Client, error) {
	c := configOf(messaging.NewClient)
	c.ProjectID, c.Version = cfg.ProjectID, "4.19.0"
	c.Opts = []option.ClientOption{option.WithHTTPClient(&http.Client{Transport: rt})}
	if cfg.Endpoint != "" {
		c.Opts = append(c.Opts, option.WithEndpoint(cfg.Endpoint))
	}
	client, err := messaging.NewClient(context.Background(), c)
	if err != nil {
		return nil, fmt.Errorf("make FCM client: %w", err)
	}
	return client, nil
}

// checkKey sees that a service account's key can be used.
func checkKey(text string) error {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return errors.New("it is no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		if _, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
			return errors.New("it cannot be read")
		}
		return nil
	}
	if _, ok := key.(*rsa.PrivateKey); !ok {
		return errors.New("it is no RSA key")
	}
	return nil
}

// Info describes the provider.
func (p *Provider) Info() providers.Info { return p.info }

// maxToken is the length of a registration token, in bytes; Google names none,
// those in use have about 200.
const maxToken = 4096

// CheckToken accepts what can be an FCM registration token.
func (p *Provider) CheckToken(token string) error {
	if token == "" || len(token) > maxToken {
		return errors.New("an FCM registration token has 1 to 4096 characters")
	}
	for _, c := range []byte(token) {
		if c <= ' ' || c > '~' {
			return errors.New("an FCM registration token holds printable ASCII characters only")
		}
	}
	return nil
}

// Push makes one attempt; its error is an [*providers.Error]. More than
// max-concurrent at a time wait for their turn.
func (p *Provider) Push(ctx context.Context, to providers.Target, n providers.Notification) error {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return &providers.Error{Kind: providers.Temporary, Reason: "busy", Err: fmt.Errorf("wait for one of max-concurrent requests: %w", ctx.Err())}
	}
	defer func() { <-p.slots }()
	err := p.send(ctx, compose(to.Token, n))
	p.log.Debug("push", "id", n.ID, "token", providers.ShortToken(to.Token), "err", err)
	return err
}

// send sends a message. Firebase's client would repeat five times over seven
// seconds; the round tripper ends its context instead, and what that has noted
// is the outcome.
func (p *Provider) send(ctx context.Context, m *messaging.Message) error {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.RequestTimeout)
	defer cancel()
	x := &exchange{cancel: cancel}
	ctx = context.WithValue(ctx, exchangeKey{}, x)
	deliver := p.client.Send
	if p.cfg.DryRun {
		deliver = p.client.SendDryRun
	}
	_, err := deliver(ctx, m)
	switch {
	case err == nil || x.status == http.StatusOK:
		return nil
	case x.status != 0:
		return p.judge(x)
	case x.err != nil:
		return x.err
	}
	// Nothing was sent. Firebase's words are left out: they may hold the token.
	return &providers.Error{Kind: providers.Refused, Reason: "not sent", Err: errors.New("firebase's client refuses the message")}
}

// judge makes the error of an answer. An access token that Google refuses is
// thrown away, so that a repeat fetches another.
func (p *Provider) judge(x *exchange) error {
	e := classify(x.status, x.contentType, x.body, x.retryAfter)
	if x.status == http.StatusUnauthorized && e.Reason != thirdParty {
		p.tokens.drop(x.token)
	}
	return e
}

// Close closes the idle connections.
func (p *Provider) Close() error {
	p.base.CloseIdleConnections()
	return nil
}
