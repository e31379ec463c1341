package apns

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const formsPassword = "Pa$$w0rd"

// form reads a file of testdata/certs; see the script there.
func form(t testing.TB, name string) []byte {
	t.Helper()
	if name == "" {
		return nil
	}
	data, err := os.ReadFile(filepath.Join("testdata", "certs", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestForms reads a certificate in each of the forms that OpenSSL, old and new,
// and Apple's Keychain write.
func TestForms(t *testing.T) {
	for _, tc := range []struct {
		cert, key string
		chain     int    // certificates with the leaf
		err       string // empty: it is read
	}{
		{cert: "openssl3.p12", chain: 1},
		{cert: "openssl3-chain.p12", chain: 2},
		{cert: "rc2-3des.p12", chain: 1},
		{cert: "rc2-3des-chain.p12", chain: 2},
		{cert: "keychain.p12", chain: 1},
		{cert: "3des.p12", chain: 1},
		{cert: "nodes.pem", chain: 2},
		{cert: "encrypted.pem", chain: 2},
		{cert: "ca-first.pem", chain: 2},
		{cert: "cert.pem", key: "traditional.key", chain: 1},
		{cert: "cert.pem", key: "traditional-aes256.key", chain: 1},
		{cert: "cert.pem", key: "traditional-des3.key", chain: 1},
		{cert: "cert.pem", key: "pbes2-aes256.key", chain: 1},
		{cert: "cert.pem", key: "pbes2-aes128-sha512.key", chain: 1},
		{cert: "cert.pem", key: "pbes2-3des-sha1.key", chain: 1},
		{cert: "cert.pem", key: "scrypt.key", err: "openssl pkcs8 -topk8 -v2 aes256"},
		{cert: "cert.pem", err: "it holds no private key"},
		{cert: "no-key.p12", err: "it holds no private key: export the certificate"},
	} {
		t.Run(tc.cert+" "+tc.key, func(t *testing.T) {
			id, err := parseIdentity(form(t, tc.cert), form(t, tc.key), formsPassword)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("error %v, want one that says %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if id.uid != topic || !id.production || id.development || len(id.cert.Certificate) != tc.chain {
				t.Errorf("for %s, production %v, %d certificates", id.uid, id.production, len(id.cert.Certificate))
			}
			_, err = parseIdentity(form(t, tc.cert), form(t, tc.key), "another")
			plain := tc.cert == "nodes.pem" || tc.cert == "ca-first.pem" || tc.key == "traditional.key"
			if plain != (err == nil) || err != nil && !errors.Is(err, errPassword) {
				t.Errorf("with another password: %v", err)
			}
		})
	}
	if _, err := parseIdentity(form(t, "empty-password.p12"), nil, ""); err != nil {
		t.Errorf("with an empty password: %v", err)
	}
}

func FuzzOpenPKCS8(f *testing.F) {
	for _, name := range []string{"pbes2-aes256.key", "pbes2-aes128-sha512.key", "pbes2-3des-sha1.key", "scrypt.key", "traditional-des3.key"} {
		f.Add(form(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if block, err := keyBlock(data, formsPassword); err == nil && block == nil {
			t.Error("neither a key nor an error")
		}
	})
}
