package providers

import (
	"errors"
	"fmt"
	"time"
)

// Certificate is a client certificate with its key, as an admin hands it over:
// .p12 or PEM.
type Certificate struct {
	Data     []byte
	Password string
}

// ErrCertificateFixed means that a provider's configuration names its
// credentials, so that they are not to be set while it runs.
var ErrCertificateFixed = errors.New("the configuration names it: replace the file, or remove the property and restart")

// CertificateUser is an add-on of providers whose certificate can be replaced
// while they run. Set it with [Set.UseCertificate].
type CertificateUser interface {
	// CheckCertificate says in a sentence for people what is wrong with a
	// certificate, or when it expires; it changes nothing. The error wraps
	// [ErrCertificateFixed] when the provider takes none.
	CheckCertificate(Certificate) (expires time.Time, err error)
	// UseCertificate pushes with the certificate from now on; pushes under way
	// get their answers. After an error nothing has changed.
	UseCertificate(Certificate) error
	// CertificateExpiry is when the first of the certificates in use expires;
	// zero: there is none.
	CertificateExpiry() time.Time
}

// UseCertificate gives a provider, found by its id or an alias, a certificate.
// What its old one has shown (trust, pauses) is forgotten.
func (s *Set) UseCertificate(id string, c Certificate) error {
	e, ok := s.byID[id]
	if !ok {
		return fmt.Errorf("provider %q: %w", id, ErrInactive)
	}
	u, ok := e.provider.(CertificateUser)
	if !ok {
		return fmt.Errorf("provider %q uses no certificate: %w", id, ErrCertificateFixed)
	}
	if err := u.UseCertificate(c); err != nil {
		return err
	}
	e.forget(time.Now())
	return nil
}
