package repository

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Certificate is a push service's certificate as the user repository keeps it.
// The data are the administrator's secret: they are never logged.
type Certificate struct {
	P12      []byte // PKCS#12; empty when PEM is used
	PEM      []byte // certificates and private key
	Password string
	Version  string // changes with the rest; set by [Certificates.Store]
}

// certificateUser owns the certificates in the user repository. The server's
// own users are left alone.
const certificateUser = "push-component"

const (
	keyP12      = "cert-p12"
	keyPEM      = "cert-pem"
	keyPassword = "cert-password"
	keyVersion  = "version"
)

// Certificates keeps certificates in the user repository, where all programs on
// the same database see them: user push-component, one node for each name,
// which is "<push bean>.<provider id>".
type Certificates struct{ users UserRepository }

// NewCertificates returns the certificates in a user repository.
func NewCertificates(users UserRepository) *Certificates { return &Certificates{users} }

// Store keeps a certificate under a name and returns its version. Who loads it
// meanwhile gets the old one or the new one, nothing in between.
func (c *Certificates) Store(ctx context.Context, name string, cert Certificate) (version string, err error) {
	if name == "" || strings.Contains(name, "/") {
		return "", fmt.Errorf("store certificate: the name %q is empty or has a slash", name)
	}
	data := map[string]string{keyPassword: cert.Password}
	if len(cert.PEM) > 0 {
		data[keyPEM] = string(cert.PEM)
	} else {
		data[keyP12] = base64.StdEncoding.EncodeToString(cert.P12)
	}
	sum := sha256.Sum256([]byte(data[keyP12] + "\x00" + data[keyPEM] + "\x00" + cert.Password))
	data[keyVersion] = hex.EncodeToString(sum[:8])
	if err := c.users.SetDataMap(ctx, certificateUser, name, data); err != nil {
		return "", fmt.Errorf("store certificate: %w", err)
	}
	return data[keyVersion], nil
}

// Load returns the certificate of a name, or [ErrNotFound].
func (c *Certificates) Load(ctx context.Context, name string) (Certificate, error) {
	data, err := c.users.DataMap(ctx, certificateUser, name)
	if err != nil {
		return Certificate{}, fmt.Errorf("load certificate: %w", err)
	}
	cert := Certificate{PEM: []byte(data[keyPEM]), Password: data[keyPassword], Version: data[keyVersion]}
	if cert.P12, err = decodeP12(data[keyP12]); err != nil {
		return Certificate{}, fmt.Errorf("load certificate: %s of node %s: %w", keyP12, name, err)
	}
	if len(cert.P12) == 0 && len(cert.PEM) == 0 {
		return Certificate{}, fmt.Errorf("load certificate: %w", ErrNotFound)
	}
	return cert, nil
}

// decodeP12 undoes base64, which an admin may have pasted with line breaks.
func decodeP12(text string) ([]byte, error) {
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, fmt.Errorf("it is not base64: %w", err)
	}
	return der, nil
}

// Versions returns the version of each stored certificate by its name: cheap to
// poll.
func (c *Certificates) Versions(ctx context.Context) (map[string]string, error) {
	names, err := c.users.Subnodes(ctx, certificateUser, "")
	if errors.Is(err, ErrNotFound) {
		return map[string]string{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for certificates: %w", err)
	}
	out := map[string]string{}
	for _, name := range names {
		version, err := c.users.Data(ctx, certificateUser, name, keyVersion)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, fmt.Errorf("look for certificates: %w", err)
		}
		if err == nil {
			out[name] = version
		}
	}
	return out, nil
}

// Remove forgets the certificate of a name. The error is [ErrNotFound] when
// there is none.
func (c *Certificates) Remove(ctx context.Context, name string) error {
	if _, err := c.users.Data(ctx, certificateUser, name, keyVersion); err != nil {
		return fmt.Errorf("remove certificate: %w", err)
	}
	if err := c.users.RemoveSubnode(ctx, certificateUser, name); err != nil {
		return fmt.Errorf("remove certificate: %w", err)
	}
	return nil
}
