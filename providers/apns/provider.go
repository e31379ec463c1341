package apns

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/sideshow/apns2"
	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/h2"
)

// Provider pushes for one app.
type Provider struct {
	info    providers.Info
	style   style
	sandbox bool
	// fallback is false when there is no other environment to fall back to.
	fallback bool
	first    clients
	second   clients // for calls; the same as first when its certificate serves
	expires  time.Time
	log      *slog.Logger
}

var _ providers.Provider = (*Provider)(nil)

// clients are the connections of one identity to both environments.
type clients struct{ production, sandbox *apns2.Client }

// New loads the credentials. Relative file names are below home. Errors are
// sentences for admins that name the property. An expired certificate for calls
// is none: it is logged, and calls go as alerts.
func New(name string, cfg Config, home string, l *slog.Logger) (*Provider, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	first, err := credential{"cert", below(home, cfg.CertFile), below(home, cfg.CertKeyFile), cfg.CertPassword}.load(time.Now())
	if err != nil {
		return nil, err
	}
	topic, err := cfg.topicOf(first)
	if err != nil {
		return nil, err
	}
	second, err := cfg.callIdentity(home, topic)
	expired := errors.Is(err, errExpired)
	switch {
	case expired:
		l.Error("calls do not ring, they go as alerts", "err", err)
	case err != nil:
		return nil, err
	}
	roots, err := h2.Roots(below(home, cfg.CAFile))
	if err != nil {
		return nil, fmt.Errorf("ca-file: %w", err)
	}
	guide := cfg.Format == formatGuide
	calls := !guide && (second != nil && !expired || first.lists(topic+voipSuffix))
	p := &Provider{
		info:     describe(name, cfg.Aliases, guide, calls),
		style:    style{topic: topic, alertText: cfg.AlertText, expiration: cfg.Expiration, guide: guide, calls: calls},
		sandbox:  cfg.Sandbox || first.sandboxOnly(),
		fallback: cfg.FallbackToSandbox && cfg.Host == "",
		first:    connect(first, roots, cfg.Host),
		expires:  first.expires,
		log:      l,
	}
	p.second = p.first
	if second != nil {
		if second.expires.Before(p.expires) {
			p.expires = second.expires
		}
		if !expired {
			p.second = connect(second, roots, cfg.Host)
		}
	}
	return p, nil
}

func below(home, file string) string {
	if file == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(home, file)
}

// callIdentity loads the second certificate, if there is one; as with
// [credential.load], an expired one comes beside its error.
func (c *Config) callIdentity(home, topic string) (*identity, error) {
	if c.PushKitCertFile == "" {
		return nil, nil
	}
	const name = "pushkit-cert"
	password := c.PushKitCertPassword
	if password == "" {
		password = c.CertPassword
	}
	id, err := credential{name: name, file: below(home, c.PushKitCertFile), password: password}.load(time.Now())
	if id != nil && !id.has(topic+voipSuffix) {
		return nil, fmt.Errorf("%s-file: the certificate is not for calls to %s but for %s", name, topic, strings.Join(id.topics, ", "))
	}
	return id, err
}

// topicOf decides on the topic. A configured one that the certificate is not
// for is an error only when the certificate lists its topics.
func (c *Config) topicOf(id *identity) (string, error) {
	if c.Topic == "" {
		if t := id.topic(); t != "" {
			return t, nil
		}
		return "", errors.New("apns-topic: it is missing, and the certificate does not tell: give the app's bundle id")
	}
	if !id.has(c.Topic) {
		return "", fmt.Errorf("apns-topic: the certificate is not for %s but for %s", c.Topic, strings.Join(id.topics, ", "))
	}
	return c.Topic, nil
}

// describe says what clients may rely on. The guide's payload has no place for
// a cipher text: a client that is told so sends none.
func describe(name string, aliases []string, guide, calls bool) providers.Info {
	features := []string{"tigase:push:priority:0"}
	if !guide {
		features = append(features, "tigase:push:encrypt:0")
	}
	if calls {
		features = append(features, "tigase:push:jingle:0")
	}
	return providers.Info{ID: name, Aliases: aliases, Label: "APNs", Features: features, MaxPayload: 3072, AnyCase: true}
}

// connect makes the clients of an identity; they dial at their first push.
func connect(id *identity, pool *x509.CertPool, host string) clients {
	production, sandbox := apns2.HostProduction, apns2.HostDevelopment
	if host != "" {
		production, sandbox = "https://"+host, "https://"+host
	}
	transport := h2.New(h2.Options{TLS: &tls.Config{Certificates: []tls.Certificate{id.cert}, RootCAs: pool}})
	return clients{production: client(production, transport), sandbox: client(sandbox, transport)}
}

// Info describes the provider.
func (p *Provider) Info() providers.Info { return p.info }

// CheckToken accepts what can be an APNs token: hex digits, two for each byte.
// Apple says not to assume a length.
func (p *Provider) CheckToken(token string) error {
	if _, err := hex.DecodeString(token); err != nil || len(token) < 64 || len(token) > 200 {
		return errors.New("an APNs device token is 64 to 200 hex digits")
	}
	return nil
}

// CertificateExpiry is when the first of the certificates expires.
func (p *Provider) CertificateExpiry() time.Time { return p.expires }

// Push makes one attempt; on the test environment one more where that is
// configured and production does not know the token.
func (p *Provider) Push(ctx context.Context, to providers.Target, n providers.Notification) error {
	m := p.style.compose(to, n, time.Now())
	if err := p.CheckToken(m.token); err != nil {
		return &providers.Error{Kind: providers.Doubtful, Second: m.second, Reason: reasonBadToken, Err: err}
	}
	c := p.first
	if m.second {
		c = p.second
	}
	sandbox, began := p.sandbox || to.Sandbox, time.Now()
	err := p.send(ctx, c, sandbox, &m)
	if err != nil && p.fallback && !sandbox && err.Reason == reasonBadToken {
		// What the other environment says of our credentials is beside the point.
		if other := p.send(ctx, c, true, &m); other == nil || other.Kind != providers.Unauthorized && other.Kind != providers.Doubtful {
			err = other
		}
	}
	log := p.log.With("id", m.id, "token", providers.ShortToken(m.token), "type", m.pushType, "dur", time.Since(began))
	if err != nil {
		log.Debug("push not accepted", "err", err)
		return err
	}
	log.Debug("push accepted")
	return nil
}

// Close closes the idle connections.
func (p *Provider) Close() error {
	for _, c := range []*apns2.Client{p.first.production, p.second.production} {
		c.CloseIdleConnections()
	}
	return nil
}
