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
// sentences for admins that name the property.
func New(name string, cfg Config, home string, l *slog.Logger) (*Provider, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.CertFile == "" {
		return nil, errors.New("cert-file: it is missing: name the certificate (.p12 or PEM) that Apple issued for the app")
	}
	first, err := loadIdentity(below(home, cfg.CertFile), below(home, cfg.CertKeyFile), cfg.CertPassword, time.Now())
	if err != nil {
		return nil, fmt.Errorf("cert-file: %w", err)
	}
	second, calls, err := cfg.callIdentity(first, home)
	if err != nil {
		return nil, err
	}
	topic, err := cfg.topicOf(first)
	if err != nil {
		return nil, err
	}
	roots, err := h2.Roots(below(home, cfg.CAFile))
	if err != nil {
		return nil, fmt.Errorf("ca-file: %w", err)
	}
	calls = calls || len(first.topics) > 0 && first.has(topic+".voip")
	p := &Provider{
		info:     describe(name, cfg.Aliases, calls),
		style:    style{topic: topic, alertText: cfg.AlertText, expiration: cfg.Expiration, guide: cfg.Format == formatGuide, calls: calls},
		sandbox:  cfg.Sandbox || first.sandboxOnly(),
		fallback: cfg.FallbackToSandbox && cfg.Host == "",
		first:    connect(first, roots, cfg.Host),
		expires:  first.expires,
		log:      l,
	}
	p.second = p.first
	if second != nil {
		p.second = connect(second, roots, cfg.Host)
		if second.expires.Before(p.expires) {
			p.expires = second.expires
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

// callIdentity loads the second certificate, if there is one.
func (c *Config) callIdentity(first *identity, home string) (id *identity, calls bool, err error) {
	if c.PushKitCertFile == "" {
		return nil, false, nil
	}
	password := c.PushKitCertPassword
	if password == "" {
		password = c.CertPassword
	}
	if id, err = loadIdentity(below(home, c.PushKitCertFile), "", password, time.Now()); err != nil {
		return nil, false, fmt.Errorf("pushkit-cert-file: %w", err)
	}
	return id, true, nil
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
		return "", fmt.Errorf("apns-topic: the certificate is not for %s but for %v", c.Topic, id.topics)
	}
	return c.Topic, nil
}

func describe(name string, aliases []string, calls bool) providers.Info {
	features := []string{"tigase:push:encrypt:0", "tigase:push:priority:0"}
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
		return &providers.Error{Kind: providers.Doubtful, Second: m.second, Reason: "BadDeviceToken", Err: err}
	}
	c := p.first
	if m.second {
		c = p.second
	}
	sandbox := p.sandbox || to.Sandbox
	err := p.send(ctx, c, sandbox, &m)
	if err != nil && p.fallback && !sandbox && err.Reason == "BadDeviceToken" {
		// What the other environment says of our credentials is beside the point.
		if other := p.send(ctx, c, true, &m); other == nil || other.Kind != providers.Unauthorized && other.Kind != providers.Doubtful {
			err = other
		}
	}
	p.log.Debug("push", "id", m.id, "token", providers.ShortToken(m.token), "type", m.pushType, "err", err)
	if err != nil {
		return err
	}
	return nil
}

// Close closes the idle connections.
func (p *Provider) Close() error {
	for _, c := range []*apns2.Client{p.first.production, p.second.production} {
		c.CloseIdleConnections()
	}
	return nil
}
