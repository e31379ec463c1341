package h2

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// remote is a server that the suite runs against: POST / is answered with 200.
type remote struct {
	address string
	config  *tls.Config
	// status asks for an answer with a status, where the server can.
	status func(int) string
}

// engines hands each engine's options to f, for the suite that both pass.
func engines(t *testing.T, f func(*testing.T, Options)) {
	t.Helper()
	for name, o := range map[string]Options{"own": {}, "standard": {Standard: true}} {
		t.Run(name, func(t *testing.T) { f(t, o) })
	}
}

func TestSuite(t *testing.T) {
	starters := map[string]func(*testing.T) *remote{"go": goServer}
	if os.Getenv("TPUSH_INTEGRATION") != "" {
		starters["nginx"], starters["nghttpd"] = nginx, nghttpd
	}
	for name, start := range starters {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			engines(t, func(t *testing.T, o Options) {
				o.TLS = r.config
				tr := dialTo(t, r.address, o)
				tr.Open()
				t.Run("many at once", func(t *testing.T) { many(t, tr, r, o.Standard) })
				t.Run("statuses", func(t *testing.T) { statuses(t, tr, r) })
				if !o.Standard { // which has no Do
					t.Run("do", func(t *testing.T) { doing(t, tr, r) })
				}
				t.Run("giving up", func(t *testing.T) { givingUp(t, tr, r) })
			})
		})
	}
}

// many sends many requests with large bodies at once. nginx ends a connection
// after some, and takes few at a time. A request that was not sent is safe to
// send again, which x/net's transport leaves to its caller.
func many(t *testing.T, tr *Transport, r *remote, again bool) {
	const n = 1500
	fates := map[string]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	body := strings.Repeat("x", 4096)
	for range n {
		all.Go(func() {
			f, err := send(t.Context(), tr, r, "/", body)
			for again && f == "not sent" {
				f, err = send(t.Context(), tr, r, "/", body)
			}
			mu.Lock()
			defer mu.Unlock()
			if fates[f]++; fates[f] == 1 && err != nil {
				t.Log(err)
			}
		})
	}
	all.Wait()
	if fates["200"] != n {
		t.Errorf("fates %v", fates)
	}
}

func send(ctx context.Context, tr *Transport, r *remote, path, body string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+r.address+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := tr.RoundTrip(req)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
	}
	return fate(resp, err), err
}

func statuses(t *testing.T, tr *Transport, r *remote) {
	if r.status == nil {
		return
	}
	for _, want := range []int{200, 400, 410, 429, 503} {
		if got, err := send(t.Context(), tr, r, r.status(want), "{}"); got != strconv.Itoa(want) {
			t.Errorf("%s (%v), want %d", got, err, want)
		}
	}
}

// doing: [Transport.Do] gets what RoundTrip gets, with requests that run out of
// time in between.
func doing(t *testing.T, tr *Transport, r *remote) {
	if r.status == nil {
		return
	}
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			want := []int{200, 400, 410, 429, 503}[i%5]
			until := time.Now().Add(30 * time.Second)
			if i%4 == 3 {
				until = time.Now().Add(time.Duration(i) * 10 * time.Microsecond)
			}
			k, err := do(t.Context(), tr, until, r.status(want))
			if i%4 == 3 && errors.Is(err, context.DeadlineExceeded) {
				return
			}
			if err != nil || k.status != want {
				t.Errorf("%v (%v), want %d", k, err, want)
			}
		})
	}
	all.Wait()
}

// givingUp: requests that are given up leave the connection usable.
func givingUp(t *testing.T, tr *Transport, r *remote) {
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*50*time.Microsecond)
			defer cancel()
			_, _ = send(ctx, tr, r, "/", "{}")
		})
	}
	all.Wait()
	if got, err := send(t.Context(), tr, r, "/", "{}"); got != "200" {
		t.Errorf("afterwards: %s %v", got, err)
	}
}

func goServer(t *testing.T) *remote {
	s, config := server(t, true, func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err != nil || strconv.Itoa(len(body)) != r.Header.Get("Content-Length") {
			http.Error(w, "another body", http.StatusTeapot)
			return
		}
		if status, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/status/")); err == nil {
			w.WriteHeader(status)
			fmt.Fprint(w, `{"reason":"x"}`)
		}
	})
	return &remote{s.Listener.Addr().String(), config, func(n int) string { return fmt.Sprint("/status/", n) }}
}

// credentials writes a server's certificate and key into a folder.
func credentials(t *testing.T, home string) *tls.Config {
	t.Helper()
	lender := httptest.NewUnstartedServer(nil)
	lender.StartTLS()
	defer lender.Close()
	cert := lender.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert.Certificate[0]}, "key.pem": {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(filepath.Join(home, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AddCert(lender.Certificate())
	return &tls.Config{RootCAs: pool}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// launch starts a server's program and waits until it listens.
func launch(t *testing.T, address string, args ...string) {
	t.Helper()
	program, err := exec.LookPath(args[0])
	if err != nil {
		program = filepath.Join("/usr/sbin", args[0]) // not everybody's path has it
	}
	cmd := exec.Command(program, args[1:]...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			t.Fatalf("%s does not listen: %s", args[0], out.String())
		}
	}
}

func nginx(t *testing.T) *remote {
	home, port := t.TempDir(), freePort(t)
	config := credentials(t, home)
	var locations strings.Builder
	for _, n := range []int{200, 400, 410, 429, 503} {
		fmt.Fprintf(&locations, "location /status/%d { return %d '{\"reason\":\"x\"}'; }\n", n, n)
	}
	text := fmt.Sprintf(`daemon off; worker_processes 1; pid %[1]s/pid; error_log %[1]s/error.log;
events { worker_connections 100; }
http {
	access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
	server {
		listen 127.0.0.1:%[2]s ssl http2;
		ssl_certificate %[1]s/cert.pem; ssl_certificate_key %[1]s/key.pem;
		http2_max_concurrent_streams 10; keepalive_requests 100;
		location / { return 200; }
		%[3]s
	}
}`, home, port, locations.String())
	if err := os.WriteFile(filepath.Join(home, "nginx.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	address := "127.0.0.1:" + port
	launch(t, address, "nginx", "-p", home, "-e", filepath.Join(home, "error.log"), "-c", filepath.Join(home, "nginx.conf"))
	return &remote{address, config, func(n int) string { return fmt.Sprint("/status/", n) }}
}

func nghttpd(t *testing.T) *remote {
	home, port := t.TempDir(), freePort(t)
	config := credentials(t, home)
	address := "127.0.0.1:" + port
	launch(t, address, "nghttpd", "-a", "127.0.0.1", "-m", "50", "--echo-upload", port, filepath.Join(home, "key.pem"), filepath.Join(home, "cert.pem"))
	return &remote{address: address, config: config}
}
