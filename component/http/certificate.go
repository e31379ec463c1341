package http

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Certificates are the TLS certificates of this machine, as Tigase keeps them: a
// PEM file per domain that holds the key, the certificate and its chain. A file
// that changed is read again, so that renewing one needs no restart.
type Certificates struct {
	Dirs    []string          // with DOMAIN.pem
	Files   map[string]string // by domain; they come before those of Dirs
	Default string            // domain whose certificate serves those that have none

	mu   sync.Mutex
	read map[string]*certificateFile
}

type certificateFile struct {
	cert     *tls.Certificate
	modified time.Time
}

// Serve returns the TLS configuration of a connector. Certificate and key files
// are its own; without them it is the certificate of the domain, and without
// that, too, the one for the name that a client asks for. The error says that
// there is none to begin with.
func (c *Certificates) Serve(domain, certFile, keyFile string) (*tls.Config, error) {
	get := func(name string) (*tls.Certificate, error) { return c.forName(firstOf(domain, name)) }
	if certFile != "" {
		get = func(string) (*tls.Certificate, error) { return c.load(certFile, firstOf(keyFile, certFile)) }
	}
	if _, err := get(""); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return get(hello.ServerName)
		},
	}, nil
}

func firstOf(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

// forName finds the certificate of a name, of a wildcard for it, or the default.
func (c *Certificates) forName(name string) (*tls.Certificate, error) {
	name = strings.ToLower(name)
	var tried []string
	for _, domain := range candidates(name, c.Default) {
		for _, file := range c.places(domain) {
			cert, err := c.load(file, file)
			if err == nil || !errors.Is(err, os.ErrNotExist) {
				return cert, err
			}
			tried = append(tried, file)
		}
	}
	return nil, fmt.Errorf("there is no certificate for TLS (tried %s): put one there, with its chain and key in the one file, or set 'cert-file'", strings.Join(tried, ", "))
}

// candidates are the domains whose certificate may serve a name. A name comes
// from the network and becomes part of a file's name.
func candidates(name, preset string) (out []string) {
	if name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == "" && name[0] != '.' {
		out = append(out, name)
		if _, parent, _ := strings.Cut(name, "."); strings.Contains(parent, ".") {
			out = append(out, "*."+parent)
		}
	}
	return append(out, preset)
}

func (c *Certificates) places(domain string) (out []string) {
	if file := c.Files[domain]; file != "" {
		out = append(out, file)
	}
	for _, dir := range c.Dirs {
		out = append(out, filepath.Join(dir, domain+".pem"))
	}
	return out
}

// load reads a certificate, or returns what was read of the file before when it
// has not changed since. One that cannot be read any more, as it is being
// written, is served as it was.
func (c *Certificates) load(certFile, keyFile string) (*tls.Certificate, error) {
	info, err := os.Stat(certFile)
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.read[certFile]
	if err == nil && known != nil && known.modified.Equal(info.ModTime()) {
		return known.cert, nil
	}
	var cert tls.Certificate
	if err == nil {
		cert, err = tls.LoadX509KeyPair(certFile, keyFile)
	}
	switch {
	case err == nil:
	case known != nil:
		return known.cert, nil
	default:
		return nil, fmt.Errorf("read the certificate %s: %w", certFile, err)
	}
	if c.read == nil {
		c.read = map[string]*certificateFile{}
	}
	c.read[certFile] = &certificateFile{&cert, info.ModTime()}
	return &cert, nil
}
