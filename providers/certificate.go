package providers

import "time"

// Certificate is a client certificate with its key that an administrator has set
// while the program runs. It is a secret: it is never logged.
type Certificate struct {
	P12      []byte // PKCS#12; empty when PEM is used
	PEM      []byte // certificates and private key
	Password string
}

// CertificateUser is an add-on of providers that push with a certificate; it is
// found by type assertion.
type CertificateUser interface {
	// UseCertificate pushes with another certificate from now on; the zero
	// Certificate means that of the configuration. With an error, a sentence for
	// people, nothing has changed.
	UseCertificate(Certificate) error
	// CertificateExpiry is when the certificate in use expires, the zero time
	// when there is none.
	CertificateExpiry() time.Time
}
