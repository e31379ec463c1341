package apnstest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

var (
	oidTopics      = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 3, 6}
	oidDevelopment = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 3, 1}
	oidProduction  = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 3, 2}
	oidUID         = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}
)

// authority signs the simulator's certificate and its clients'.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Push simulator CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{cert, key}, err
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func (a *authority) sign(template *x509.Certificate) (*Credential, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		return nil, fmt.Errorf("make serial number: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	return &Credential{cert: cert, key: key, ca: a.cert}, err
}

func (a *authority) serverCertificate() (tls.Certificate, error) {
	c, err := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost", "*.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{c.cert.Raw}, PrivateKey: c.key}, nil
}

// Certificate says what a client certificate holds.
type Certificate struct {
	UID         string   // bundle id in the subject
	Topics      []string // of the extension; none: no extension, the UID counts
	Development bool
	Production  bool
	Expires     time.Time // zero: in a year
}

// Credential is a client certificate with its key.
type Credential struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	ca   *x509.Certificate
}

// Issue makes a client certificate as Apple does.
func (s *Server) Issue(c Certificate) (*Credential, error) {
	if c.Expires.IsZero() {
		c.Expires = time.Now().AddDate(1, 0, 0)
	}
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "Apple Push Services: " + c.UID, ExtraNames: []pkix.AttributeTypeAndValue{{Type: oidUID, Value: c.UID}}},
		NotBefore: c.Expires.AddDate(-2, 0, 0), NotAfter: c.Expires, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if len(c.Topics) > 0 {
		der, err := topicsExtension(c.Topics)
		if err != nil {
			return nil, err
		}
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: oidTopics, Value: der})
	}
	null := []byte{5, 0}
	if c.Development {
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: oidDevelopment, Value: null})
	}
	if c.Production {
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: oidProduction, Value: null})
	}
	return s.authority.sign(template)
}

// topicsExtension encodes pairs of a topic and a list of names.
func topicsExtension(topics []string) ([]byte, error) {
	var all []asn1.RawValue
	for _, t := range topics {
		name, err := asn1.MarshalWithParams(t, "utf8")
		if err != nil {
			return nil, fmt.Errorf("encode topic: %w", err)
		}
		kind, err := asn1.MarshalWithParams("app", "utf8")
		if err != nil {
			return nil, fmt.Errorf("encode topic: %w", err)
		}
		list, err := asn1.Marshal([]asn1.RawValue{{FullBytes: kind}})
		if err != nil {
			return nil, fmt.Errorf("encode topic: %w", err)
		}
		all = append(all, asn1.RawValue{FullBytes: name}, asn1.RawValue{FullBytes: list})
	}
	return asn1.Marshal(all)
}

// topicsOf are the topics that a certificate may push to.
func topicsOf(leaf *x509.Certificate) (topics []string) {
	for _, ext := range leaf.Extensions {
		if !ext.Id.Equal(oidTopics) {
			continue
		}
		var all []asn1.RawValue
		if _, err := asn1.Unmarshal(ext.Value, &all); err != nil {
			return nil
		}
		for _, v := range all {
			if v.Tag == asn1.TagUTF8String {
				topics = append(topics, string(v.Bytes))
			}
		}
		return topics
	}
	for _, n := range leaf.Subject.Names {
		if n.Type.Equal(oidUID) {
			topics = append(topics, fmt.Sprint(n.Value))
		}
	}
	return topics
}

// P12 encodes the credential as a .p12 file, in the form that current tools
// write or in the old one (RC2 and 3DES, SHA-1).
func (c *Credential) P12(password string, old, chain bool) ([]byte, error) {
	encoder := pkcs12.Modern2023
	if old {
		encoder = pkcs12.LegacyRC2
	}
	var cas []*x509.Certificate
	if chain {
		cas = append(cas, c.ca)
	}
	return encoder.Encode(c.key, c.cert, cas, password)
}

// CertPEM is the certificate in PEM form.
func (c *Credential) CertPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.cert.Raw})
}

// KeyPEM is the key in PEM form.
func (c *Credential) KeyPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// PEM is certificate and key in one file.
func (c *Credential) PEM() ([]byte, error) {
	key, err := c.KeyPEM()
	return bytes.Join([][]byte{c.CertPEM(), key}, nil), err
}
