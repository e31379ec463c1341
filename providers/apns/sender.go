package apns

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/h2"
)

// sender is all that hangs on a provider's credentials. A new certificate makes
// a new one, so that a push is composed for the certificate that it is sent with.
type sender struct {
	style    style
	sandbox  bool // pushes go to the test environment
	fallback bool // there is another environment to fall back to
	first    clients
	second   clients // for calls; the same as first when its credentials serve
	tokens   *tokens // nil with certificates
	info     providers.Info
	expiries []providers.Expiry
}

// clients are the connections with one credential to both environments.
type clients struct{ production, sandbox *client }

// in is the client of an environment.
func (c clients) in(sandbox bool) *client {
	if sandbox {
		return c.sandbox
	}
	return c.production
}

// maker is what makes senders: the configuration, and what was read for it.
type maker struct {
	name  string
	cfg   Config
	home  string
	hosts hosts
	roots *x509.CertPool
	log   *slog.Logger
}

// fromFile is the place of a certificate that the configuration names.
const fromFile = "cert-file"

func expiryOf(id *identity, from string) providers.Expiry {
	return providers.Expiry{What: from, At: id.expires, Detail: id.String()}
}

// fromFiles makes the sender that the configuration's files describe; nil when
// it names none. Beside the error of an expired certificate comes one that only
// tells of that.
func (m *maker) fromFiles() (*sender, error) {
	switch {
	case m.cfg.P8File != "":
		return m.fromKey()
	case m.cfg.CertFile == "":
		return nil, nil
	}
	first, err := m.cfg.firstIdentity(m.home)
	if errors.Is(err, errExpired) {
		return &sender{expiries: []providers.Expiry{expiryOf(first, fromFile)}}, err
	}
	if err != nil {
		return nil, err
	}
	return m.fromIdentity(first, fromFile)
}

// fromKey makes the sender of a team's key, which is good for all topics, calls
// too, and for both environments.
func (m *maker) fromKey() (*sender, error) {
	tokens, err := loadKey(below(m.home, m.cfg.P8File), m.cfg.P8KeyID, m.cfg.P8TeamID)
	if err != nil {
		return nil, err
	}
	if m.cfg.CertFile != "" || m.cfg.PushKitCertFile != "" {
		m.log.Info("p8-file is used, and no certificate")
	}
	s := m.sender(m.cfg.Topic, m.cfg.Sandbox, true)
	s.tokens = tokens
	s.first, err = m.connect(nil)
	s.second = s.first
	return s, err
}

// fromIdentity makes the sender of a certificate, and of the second one for
// calls where the configuration names one. An expired one for calls is no error:
// it is logged, and calls go as alerts.
func (m *maker) fromIdentity(first *identity, from string) (*sender, error) {
	topic, err := m.cfg.topicOf(first)
	if err != nil {
		return nil, err
	}
	second, err := m.cfg.callIdentity(m.home, topic)
	expired := errors.Is(err, errExpired)
	switch {
	case expired:
		m.log.Error("calls do not ring, they go as alerts", "err", err)
	case err != nil:
		return nil, err
	}
	s := m.sender(topic, m.cfg.Sandbox || first.sandboxOnly(), callsWith(first, second, expired, topic))
	s.expiries = []providers.Expiry{expiryOf(first, from)}
	if s.first, err = m.connect(first); err != nil {
		return nil, err
	}
	s.second = s.first
	if second != nil {
		s.expiries = append(s.expiries, providers.Expiry{What: "pushkit-cert-file", At: second.expires, Calls: true, Detail: second.String()})
		if !expired {
			s.second, err = m.connect(second)
		}
	}
	return s, err
}

// callsWith reports whether calls ring: with a second certificate while that
// lasts, else with the first if it may be for them. One that does not list its
// topics is tried: when Apple refuses it, calls go as alerts.
func callsWith(first, second *identity, expired bool, topic string) bool {
	if second == nil {
		return first.has(topic + voipSuffix)
	}
	return !expired || first.lists(topic+voipSuffix)
}

// sender makes one without connections.
func (m *maker) sender(topic string, sandbox, calls bool) *sender {
	guide := m.cfg.Format == formatGuide
	calls = calls && !guide
	return &sender{
		style:    style{topic: topic, alertText: m.cfg.AlertText, expiration: m.cfg.Expiration, guide: guide, calls: calls},
		sandbox:  sandbox,
		fallback: m.cfg.FallbackToSandbox && !sandbox && m.hosts.production != m.hosts.sandbox,
		info:     describe(m.name, m.cfg.Aliases, guide, calls),
	}
}

// connect makes the clients of an identity, or of a key with none. They dial at
// their first push, or when they are opened.
func (m *maker) connect(id *identity) (c clients, err error) {
	config := &tls.Config{RootCAs: m.roots}
	if id != nil {
		config.Certificates = []tls.Certificate{id.cert}
	}
	if c.production, err = m.client(m.hosts.production, config, id == nil); err == nil {
		c.sandbox, err = m.client(m.hosts.sandbox, config, id == nil)
	}
	return c, err
}

func (m *maker) client(host string, config *tls.Config, key bool) (*client, error) {
	t, err := h2.New(host, h2.Options{
		TLS: config, Proxy: m.cfg.Proxy, Connections: m.cfg.PoolSize,
		// Apple takes one request until it has seen a valid token.
		Probation: key,
		Standard:  m.cfg.Transport == transportStandard,
		Log:       m.log,
	})
	if err != nil {
		return nil, err
	}
	return newClient(host, t, m.cfg.Transport == transportStandard), nil
}

// checkFiles tells of every credential that the configuration names why it
// cannot be used, also of those that nothing is sent with.
func (c *Config) checkFiles(home string) error {
	var errs []error
	if c.P8File != "" {
		_, err := loadKey(below(home, c.P8File), c.P8KeyID, c.P8TeamID)
		errs = append(errs, err)
	}
	topic := c.Topic
	if c.CertFile != "" {
		first, err := c.firstIdentity(home)
		if err == nil {
			topic, err = c.topicOf(first)
		}
		errs = append(errs, err)
	}
	if _, err := c.callIdentity(home, topic); !errors.Is(err, errExpired) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// firstIdentity loads the certificate that is not for calls alone.
func (c *Config) firstIdentity(home string) (*identity, error) {
	return credential{"cert", below(home, c.CertFile), below(home, c.CertKeyFile), c.CertPassword}.load(time.Now())
}

// callIdentity loads the second certificate, if there is one; as with
// [credential.load], an expired one comes beside its error. Without a topic it is
// not looked at whether it is the app's.
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
	if id != nil && topic != "" && !id.has(topic+voipSuffix) {
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

// transports are those in use, each once.
func (s *sender) transports() []*h2.Transport {
	all := []*h2.Transport{s.first.production.transport, s.first.sandbox.transport}
	if s.second != s.first {
		all = append(all, s.second.production.transport, s.second.sandbox.transport)
	}
	return all
}

// open opens the connections that pushes will take, before they come. Of the
// environment to fall back to there are none until one does.
func (s *sender) open() {
	s.first.in(s.sandbox).transport.Open()
	if s.second != s.first {
		s.second.in(s.sandbox).transport.Open()
	}
}
