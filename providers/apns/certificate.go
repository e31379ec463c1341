package apns

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// Extensions of Apple's push certificates, and the attribute that holds the
// bundle id in the subject of older ones.
var (
	oidTopics      = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 3, 6}
	oidDevelopment = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 3, 1}
	oidProduction  = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 3, 2}
	oidUID         = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}
)

// identity is a client certificate with what it says of itself.
type identity struct {
	cert        tls.Certificate
	topics      []string // of the extension; empty when there is none
	uid         string   // bundle id of the subject
	development bool     // valid for the test environment
	production  bool
	expires     time.Time
}

// String is what the certificate says of itself, for people.
func (id *identity) String() string {
	out := "unnamed"
	if id.cert.Leaf != nil {
		out = id.cert.Leaf.Subject.CommonName
	}
	if len(id.topics) > 0 {
		out += "; topics " + strings.Join(id.topics, ", ")
	}
	switch {
	case id.development && id.production:
		return out + "; for production and the test environment"
	case id.development:
		return out + "; for the test environment only"
	case id.production:
		return out + "; for production only"
	}
	return out
}

// credential says where an identity is. Its properties in the configuration are
// NAME-file, NAME-key-file and NAME-password.
type credential struct{ name, file, keyFile, password string }

// errExpired marks the error of a certificate that has expired.
var errExpired = errors.New("make a new one in Apple's developer account and put it in the place of the old one")

// load reads a certificate with its key from a .p12 or PEM file. The errors are
// sentences for admins; an expired one is returned beside its error.
func (c credential) load(now time.Time) (*identity, error) {
	data, err := os.ReadFile(c.file)
	if err != nil {
		return nil, fmt.Errorf("%s-file: %w", c.name, err)
	}
	var key []byte
	if c.keyFile != "" {
		if key, err = os.ReadFile(c.keyFile); err != nil {
			return nil, fmt.Errorf("%s-key-file: %w", c.name, err)
		}
	}
	id, err := parseIdentity(data, key, c.password)
	switch {
	case errors.Is(err, errPassword):
		return nil, fmt.Errorf("%s-file: %s: %w: correct '%s-password'", c.name, c.file, err, c.name)
	case err != nil:
		return nil, fmt.Errorf("%s-file: %s: %w", c.name, c.file, err)
	case now.After(id.expires):
		err = fmt.Errorf("%s-file: %s: the certificate expired on %s: %w", c.name, c.file, id.expires.Format(time.DateOnly), errExpired)
		if c.name == "cert" { // the one that can be in the database instead
			err = fmt.Errorf("%w; or remove 'cert-file' and set it with the command Set APNS certificate", err)
		}
		return id, err
	}
	return id, nil
}

// parseIdentity reads a certificate with its key. The format shows in the
// bytes: PEM has its header lines.
func parseIdentity(data, key []byte, password string) (*identity, error) {
	var cert tls.Certificate
	var err error
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		cert, err = parsePEM(data, key, password)
	} else {
		cert, err = parseP12(data, password)
	}
	if err != nil {
		return nil, err
	}
	leaf := cert.Leaf
	id := &identity{cert: cert, expires: leaf.NotAfter}
	for _, name := range leaf.Subject.Names {
		if s, ok := name.Value.(string); ok && name.Type.Equal(oidUID) {
			id.uid = s
		}
	}
	for _, ext := range leaf.Extensions {
		switch {
		case ext.Id.Equal(oidTopics):
			id.topics = parseTopics(ext.Value)
		case ext.Id.Equal(oidDevelopment):
			id.development = true
		case ext.Id.Equal(oidProduction):
			id.production = true
		}
	}
	return id, nil
}

func parseP12(data []byte, password string) (tls.Certificate, error) {
	key, leaf, chain, err := pkcs12.DecodeChain(data, password)
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return tls.Certificate{}, errPassword
	}
	if err != nil && strings.Contains(err.Error(), "private key missing") { // the library has no type for it
		return tls.Certificate{}, errors.New("it holds no private key: export the certificate together with its key")
	}
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("it is neither a .p12 with one key nor a PEM file: %w", err)
	}
	all := append([]*x509.Certificate{leaf}, chain...)
	if signer, ok := key.(crypto.Signer); ok {
		// Keychain Access writes them in any order.
		slices.SortStableFunc(all, func(a, b *x509.Certificate) int { return cmp.Compare(isOf(b, signer), isOf(a, signer)) })
		if isOf(all[0], signer) == 0 {
			return tls.Certificate{}, errors.New("its key belongs to another certificate")
		}
	}
	cert := tls.Certificate{PrivateKey: key, Leaf: all[0]}
	for _, c := range all {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	return cert, nil
}

// isOf is 1 for the certificate of a key, else 0.
func isOf(c *x509.Certificate, key crypto.Signer) int {
	if p, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); ok && p.Equal(c.PublicKey) {
		return 1
	}
	return 0
}

// parseTopics reads Apple's topics extension: pairs of a topic and a list of
// the kinds of push it is for. What is not understood is passed over.
func parseTopics(der []byte) (topics []string) {
	var pairs []asn1.RawValue
	if _, err := asn1.Unmarshal(der, &pairs); err != nil {
		return nil
	}
	for _, v := range pairs {
		if v.Class == asn1.ClassUniversal && v.Tag == asn1.TagUTF8String {
			topics = append(topics, string(v.Bytes))
		}
	}
	return topics
}

// has reports whether the certificate may be used for a topic. Only the
// extension can say that it may not.
func (id *identity) has(topic string) bool {
	return len(id.topics) == 0 || id.lists(topic)
}

// lists reports whether the certificate's extension has a topic.
func (id *identity) lists(topic string) bool { return slices.Contains(id.topics, topic) }

// topic is the app's bundle id by the certificate: of the extension the first
// topic that is not for a special kind of push, else the subject's.
func (id *identity) topic() string {
	for _, t := range id.topics {
		if !strings.HasSuffix(t, voipSuffix) && !strings.HasSuffix(t, ".complication") {
			return t
		}
	}
	return strings.TrimSuffix(id.uid, voipSuffix)
}

// sandboxOnly reports whether the certificate is for the test environment and
// no other.
func (id *identity) sandboxOnly() bool { return id.development && !id.production }
