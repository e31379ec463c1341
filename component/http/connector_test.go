package http

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// start runs a connector on a free port until the test ends and returns its
// address.
func start(t *testing.T, c *Connector) string {
	t.Helper()
	up := make(chan string, 1)
	c.Address = firstOf(c.Address, "127.0.0.1:0")
	if c.Log == nil {
		c.Log = discard()
	}
	open := c.Listen
	c.Listen = func(network, address string) (net.Listener, error) {
		if open == nil {
			open = net.Listen
		}
		l, err := open(network, address)
		if err == nil {
			up <- l.Addr().String()
		}
		return l, err
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := c.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	select {
	case address := <-up:
		return address
	case <-time.After(20 * time.Second):
		t.Fatal("the connector does not listen")
		return ""
	}
}

// writePEM writes a certificate for names with its key into one file.
func writePEM(t *testing.T, file string, names ...string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	first := writePEM(t, filepath.Join(dir, "push.example.com.pem"), "push.example.com")
	wild := writePEM(t, filepath.Join(dir, "*.example.org.pem"), "*.example.org")
	preset := writePEM(t, filepath.Join(dir, "default.pem"), "other.example")
	certs := &Certificates{Dirs: []string{dir}, Default: "default"}
	cfg, err := certs.Serve("", "", "")
	if err != nil {
		t.Fatal(err)
	}
	h, _ := rest(RESTConfig{})
	address := start(t, &Connector{TLS: cfg, HTTP2: true, Handler: h})
	ask := func(name string, want *x509.Certificate, http2 bool) {
		t.Helper()
		roots := x509.NewCertPool()
		roots.AddCert(want)
		tr := &http.Transport{TLSClientConfig: &tls.Config{ServerName: name, RootCAs: roots}, ForceAttemptHTTP2: http2}
		defer tr.CloseIdleConnections()
		r, err := (&http.Client{Transport: tr}).Post("https://"+address+"/unregister-device/push.example.com", "application/json", strings.NewReader(goodBody))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := readAll(t, r); got != `{"result":"success"}` || (r.ProtoMajor == 2) != http2 {
			t.Errorf("%s: %s over %s", name, got, r.Proto)
		}
	}
	ask("push.example.com", first, true)
	ask("push.example.com", first, false)
	ask("a.example.org", wild, true)
	ask("other.example", preset, false)
	renewed := writePEM(t, filepath.Join(dir, "push.example.com.pem"), "push.example.com")
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(filepath.Join(dir, "push.example.com.pem"), later, later); err != nil {
		t.Fatal(err)
	}
	ask("push.example.com", renewed, false)
	if _, err := certs.forName("../default"); err == nil || strings.Contains(err.Error(), "..") {
		// It gets the default one: the name is no part of a path.
		if cert, err := certs.forName("../default"); err != nil || !cert.Leaf.Equal(preset) {
			t.Errorf("a name with a path: %v", err)
		}
	}
	if _, err := (&Certificates{Dirs: []string{t.TempDir()}, Default: "default"}).Serve("push.example.com", "", ""); err == nil || !strings.Contains(err.Error(), "push.example.com.pem") {
		t.Errorf("no certificate: %v", err)
	}
}

func TestAddressInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	tried := 0
	h, _ := rest(RESTConfig{})
	address := start(t, &Connector{Address: taken.Addr().String(), Handler: h, Log: slog.New(slog.NewTextHandler(&log, nil)),
		Listen: func(network, address string) (net.Listener, error) {
			l, err := net.Listen(network, address)
			if tried++; tried == 1 {
				if err == nil {
					t.Error("the address was not in use")
				}
				return l, errors.Join(err, taken.Close())
			}
			return l, err
		}})
	r, err := http.Post("http://"+address+"/unregister-device/push.example.com", "", strings.NewReader(goodBody))
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	if got := readAll(t, r); got != `{"result":"success"}` {
		t.Error(got)
	}
	if !strings.Contains(log.String(), "pushes are not concerned") || strings.Count(log.String(), "\n") < 2 {
		t.Errorf("log: %s", log.String())
	}
}

// TestGreedyClients sends what the limits are for: the answer is 404 or the
// connection's end, and others are served.
func TestGreedyClients(t *testing.T) {
	h, _ := rest(RESTConfig{})
	address := start(t, &Connector{Handler: h})
	for name, tc := range map[string]struct{ send, want string }{
		"1 GB announced":     {"POST /unregister-device/push.example.com HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n" + strings.Repeat("x", 2*maxBody), "404"},
		"1 GB, asked first":  {"POST /unregister-device/push.example.com HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1073741824\r\n\r\n", "404"},
		"chunks without end": {"POST /unregister-device/push.example.com HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("400\r\n"+strings.Repeat("x", 1024)+"\r\n", 20), "404"},
		"large header":       {"POST / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 3*maxHeader) + "\r\n\r\n", "431"},
		"two lengths":        {"POST /unregister-device/push.example.com HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400"},
		"no HTTP":            {"\x16\x03\x01\x00\r\n\r\n", "400"},
		"connect":            {"CONNECT push.example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n", "404"},
		"absolute":           {"POST http://push.example.com/unregister-device/none.example.com HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", "404"},
		"star":               {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "404"},
	} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(c, tc.send) }() // the answer may come before all is sent
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "HTTP/1.1 "+tc.want) {
			t.Errorf("%s: %q, %v; want %s", name, line, err, tc.want)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestManyConnections(t *testing.T) {
	h, _ := rest(RESTConfig{})
	address := start(t, &Connector{Handler: h})
	var held []net.Conn
	for range maxConnsOfOne {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	over, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if err := over.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := over.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("one connection too many is served: %v", err)
	}
	for _, c := range append(held, over) {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		r, err := http.Post("http://"+address+"/unregister-device/push.example.com", "", strings.NewReader(goodBody))
		if err == nil {
			if got := readAll(t, r); got != `{"result":"success"}` {
				t.Error(got)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no place became free: ", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestPanic(t *testing.T) {
	var log bytes.Buffer
	address := start(t, &Connector{Log: slog.New(slog.NewTextHandler(&log, nil)), Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh no") })})
	r, err := http.Get("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	if body := readAll(t, r); r.StatusCode != 500 || strings.Contains(fmt.Sprint(body, r.Header), "oh no") || !strings.Contains(log.String(), "oh no") {
		t.Errorf("%d %s; log %s", r.StatusCode, body, log.String())
	}
}
