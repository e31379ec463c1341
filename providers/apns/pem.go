package apns

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// errPassword means that a password does not open a file.
var errPassword = errors.New("the password is wrong")

// parsePEM reads a certificate with its chain, and the key from the same text
// when key is nil. The password opens an encrypted key.
func parsePEM(data, key []byte, password string) (tls.Certificate, error) {
	if key == nil {
		key = data
	}
	block, err := keyBlock(key, password)
	if err != nil {
		return tls.Certificate{}, err
	}
	cert, err := tls.X509KeyPair(leafFirst(data, block), pem.EncodeToMemory(block))
	if err != nil {
		return cert, fmt.Errorf("it is no certificate with its key: %w", err)
	}
	if cert.Leaf == nil {
		cert.Leaf, err = x509.ParseCertificate(cert.Certificate[0])
	}
	return cert, err
}

// leafFirst puts the certificate of a key before the others, as TLS wants it;
// files have them in any order.
func leafFirst(data []byte, key *pem.Block) []byte {
	keyPEM := pem.EncodeToMemory(key)
	var leaf, others []byte
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return append(leaf, others...)
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		text := pem.EncodeToMemory(block)
		if _, err := tls.X509KeyPair(text, keyPEM); err == nil && leaf == nil {
			leaf = text
		} else {
			others = append(others, text...)
		}
	}
}

// keyBlock finds the private key and opens it.
func keyBlock(data []byte, password string) (*pem.Block, error) {
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return nil, errors.New("it holds no private key: put the key into the same file, or name its file in 'cert-key-file'")
		}
		switch {
		case !strings.HasSuffix(block.Type, "PRIVATE KEY"):
			continue
		case block.Headers["DEK-Info"] != "":
			return openTraditional(block, password)
		case block.Type == "ENCRYPTED PRIVATE KEY":
			der, err := openPKCS8(block.Bytes, password)
			if err != nil {
				return nil, err
			}
			return &pem.Block{Type: "PRIVATE KEY", Bytes: der}, nil
		}
		return block, nil
	}
}

// openTraditional opens a key as old versions of OpenSSL encrypt it.
func openTraditional(block *pem.Block, password string) (*pem.Block, error) {
	//lint:ignore SA1019 The form is weak, but files have it, and whoever can read them has the password as well.
	der, err := x509.DecryptPEMBlock(block, []byte(password))
	if errors.Is(err, x509.IncorrectPasswordError) {
		return nil, errPassword
	}
	if err != nil {
		return nil, fmt.Errorf("its private key is encrypted in a way that is not known: %w", err)
	}
	return &pem.Block{Type: block.Type, Bytes: der}, nil
}
