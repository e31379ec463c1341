package apns

import (
	"errors"
	"fmt"
	"time"

	"github.com/tpush/tpush/providers"
)

// errNoCertificate is the failure of a push while there is no certificate.
var errNoCertificate = errors.New("there is no certificate: set one with the command Set APNS certificate")

// parse reads a certificate that an admin has handed over. The errors are
// sentences about it.
func (p *Provider) parse(c providers.Certificate) (*identity, error) {
	cfg := &p.maker.cfg
	switch {
	case cfg.P8File != "":
		return nil, fmt.Errorf("%s uses the key in 'p8-file': %w", p.maker.name, providers.ErrCertificateFixed)
	case cfg.CertFile != "":
		return nil, fmt.Errorf("%s uses the certificate in 'cert-file': %w", p.maker.name, providers.ErrCertificateFixed)
	}
	id, err := parseIdentity(c.Data, nil, c.Password)
	if err != nil {
		return nil, err
	}
	if time.Now().After(id.expires) {
		return nil, fmt.Errorf("the certificate expired on %s: make a new one in Apple's developer account", id.expires.Format(time.DateOnly))
	}
	return id, nil
}

// CheckCertificate says what is wrong with a certificate and when it expires;
// it changes nothing.
func (p *Provider) CheckCertificate(c providers.Certificate) (time.Time, error) {
	id, err := p.parse(c)
	if err != nil {
		return time.Time{}, err
	}
	_, err = p.maker.cfg.topicOf(id)
	return id.expires, err
}

// UseCertificate pushes with another certificate from now on. Pushes under way
// get their answers. After an error nothing has changed.
func (p *Provider) UseCertificate(c providers.Certificate) error {
	id, err := p.parse(c)
	if err != nil {
		return err
	}
	s, err := p.maker.fromIdentity(id, providers.FromAdmin)
	if err != nil {
		return err
	}
	p.use(s)
	p.log.Info("certificate in use", "topic", s.style.topic, "expires", id.expires.Format(time.DateOnly))
	return nil
}

// Reload reads the certificates or the key again, when the configuration names
// files. After an error, also of an expired certificate, those in use stay.
func (p *Provider) Reload() error {
	s, err := p.maker.fromFiles()
	if err != nil {
		return fmt.Errorf("provider %s: %w", p.maker.name, err)
	}
	if s == nil {
		return nil
	}
	p.use(s)
	p.log.Info("certificate or key read again", "topic", s.style.topic)
	return nil
}

// Expiries are the certificates in use with the days on which they expire.
func (p *Provider) Expiries() []providers.Expiry {
	s := p.sender.Load()
	if s == nil {
		return p.ended
	}
	return s.expiries
}

// CertificateExpiry is when the first of the certificates expires; zero without
// any.
func (p *Provider) CertificateExpiry() (first time.Time) {
	for _, e := range p.Expiries() {
		if first.IsZero() || e.At.Before(first) {
			first = e.At
		}
	}
	return first
}
