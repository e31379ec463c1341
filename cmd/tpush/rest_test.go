package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// writeCertificate writes a certificate of its own authority with its key into
// one file, as Tigase keeps them.
func writeCertificate(t *testing.T, file, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestUnregisterOverHTTP unregisters devices as an app does whose user cannot
// log in, plain and with TLS.
func TestUnregisterOverHTTP(t *testing.T) {
	o := newOffice(t)
	o.run()
	const guide, siskin = "/rest/push/unregister-device/" + demoDomain, "/unregister-device/" + demoDomain
	roots := x509.NewCertPool()
	text, err := os.ReadFile(filepath.Join(o.home, "certs", "push.example.com.pem"))
	if err != nil || !roots.AppendCertsFromPEM(text) {
		t.Fatal("no certificate: ", err)
	}
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "push.example.com"}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
	post := func(base, path, account, provider, token string) string {
		t.Helper()
		body := fmt.Sprintf(`{"account":%q,"provider":%q,"device-token":%q}`, account, provider, token)
		r, err := client.Post(base+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		answer, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%d %s", r.StatusCode, strings.TrimSpace(string(answer)))
	}
	expect := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	const success, failure, none = `200 {"result":"success"}`, `200 {"result":"failure"}`, "404 Not Found"
	for _, base := range []string{fmt.Sprintf("http://127.0.0.1:%d", o.plain), fmt.Sprintf("https://127.0.0.1:%d", o.tls)} {
		node := o.register("ala@example.com", demoAPNs, iPhoneToken)
		o.register("ala@example.com", demoFCM, phoneToken)
		expect("another user's device", post(base, guide, "ola@example.com", demoAPNs, iPhoneToken), failure)
		expect("another component", post(base, "/rest/push/unregister-device/muc.example.com", "ala@example.com", demoAPNs, iPhoneToken), none)
		expect("a device", post(base, guide, "ala@example.com", demoAPNs, strings.ToLower(iPhoneToken)), success)
		message, err := o.server.Next(limit(t.Context(), 20*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(message.Payload); message.Name.Local != "message" || message.To != "ala@example.com" || message.Type != "headline" ||
			!strings.Contains(got, node) || !strings.Contains(got, `affiliation="none"`) {
			t.Errorf("the user's server was told: %+v %s", message, got)
		}
		expect("the same again", post(base, siskin, "ala@example.com", demoAPNs, iPhoneToken), success)
		expect("a device by the short path", post(base, siskin, "Ala@example.com/x", demoFCM, phoneToken), success)
		if _, err := o.server.Next(limit(t.Context(), 20*time.Second)); err != nil {
			t.Error(err)
		}
		expect("a device that never was", post(base, guide, "ala@example.com", demoFCM, "never"), failure)
		expect("an unknown provider", post(base, guide, "ala@example.com", "none", phoneToken), failure)
		expect("a missing field", post(base, guide, "ala@example.com", demoFCM, ""), none)
		if answer := o.request(demoServer, demoPublish(node, demoMessage)); !strings.Contains(answer, "item-not-found") {
			t.Errorf("a publish to the device was answered %s", answer)
		}
	}
}

// TestPortInUse runs the program while another one has its ports: pushes work.
func TestPortInUse(t *testing.T) {
	taken := func() int {
		// Of all addresses, as the program listens on them.
		l, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l.Addr().(*net.TCPAddr).Port
	}
	plain, management := taken(), taken()
	o := newOfficeAt(t, plain, freePort(t), management)
	o.run()
	node := o.register("ala@example.com", demoAPNs, iPhoneToken)
	if answer := o.request(demoServer, demoPublish(node, demoMessage)); strings.Contains(answer, "error") {
		t.Errorf("a publish was answered %s", answer)
	}
	for _, port := range []int{plain, management} {
		eventually(t, "a word about the port", func() bool {
			return regexp.MustCompile(fmt.Sprintf(`cannot listen: trying again.*:%d\b`, port)).MatchString(o.program.log.String())
		})
	}
}
