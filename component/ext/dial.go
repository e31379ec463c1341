package ext

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	dialTimeout = 10 * time.Second
	tcpIdle     = 30 * time.Second
)

// errTLS is behind every failure of the TLS handshake.
var errTLS = errors.New("TLS")

// dialer opens the TCP or TLS connection of one item.
type dialer struct {
	net *net.Dialer
	tls *tls.Config // nil: plain
}

func newDialer(it *Item, home string) (*dialer, error) {
	d := &dialer{net: &net.Dialer{Timeout: dialTimeout, KeepAlive: tcpIdle}}
	if it.Socket != "ssl" {
		if it.CAFile != "" || it.Fingerprint != "" {
			return nil, fmt.Errorf("item %s: ca-file and fingerprint need socket 'ssl'", it.Domain)
		}
		return d, nil
	}
	d.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	if it.CAFile != "" {
		pool, err := caPool(it.CAFile, home)
		if err != nil {
			return nil, fmt.Errorf("item %s: ca-file: %w", it.Domain, err)
		}
		d.tls.RootCAs = pool
	}
	if it.Fingerprint != "" {
		want, err := hex.DecodeString(strings.ReplaceAll(it.Fingerprint, ":", ""))
		if err != nil || len(want) != sha256.Size {
			return nil, fmt.Errorf("item %s: fingerprint is not the SHA-256 of a certificate in hex (64 digits)", it.Domain)
		}
		d.tls.InsecureSkipVerify = true // the pin below is checked instead
		d.tls.VerifyConnection = pinned([sha256.Size]byte(want))
	}
	return d, nil
}

func caPool(file, home string) (*x509.CertPool, error) {
	if !filepath.IsAbs(file) {
		file = filepath.Join(home, file)
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no PEM certificate", file)
	}
	return pool, nil
}

// pinned accepts exactly one certificate: Tigase's own is self-signed.
func pinned(want [sha256.Size]byte) func(tls.ConnectionState) error {
	return func(cs tls.ConnectionState) error {
		if len(cs.PeerCertificates) == 0 {
			return errors.New("the server shows no certificate")
		}
		if got := sha256.Sum256(cs.PeerCertificates[0].Raw); got != want {
			return fmt.Errorf("the server's certificate has the fingerprint %x, not the configured one", got)
		}
		return nil
	}
}

func (d *dialer) dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := d.net.DialContext(ctx, "tcp", address)
	if err != nil || d.tls == nil {
		return conn, err
	}
	cfg := d.tls.Clone()
	cfg.ServerName, _, _ = net.SplitHostPort(address)
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	t := tls.Client(conn, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("%w with %s: %w", errTLS, address, err)
	}
	return t, nil
}
