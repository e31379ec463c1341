package h2

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// connectProxy is an HTTP proxy that knows only CONNECT and wants a password.
func connectProxy(t *testing.T, password string) (address string, asked *[]string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked = new([]string)
	var all sync.WaitGroup
	t.Cleanup(func() { l.Close(); all.Wait() })
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { tunnel(conn, password, asked) })
		}
	})
	return l.Addr().String(), asked
}

func tunnel(conn net.Conn, password string, asked *[]string) {
	defer conn.Close()
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	*asked = append(*asked, req.Method+" "+req.RequestURI)
	req.Header["Authorization"] = req.Header["Proxy-Authorization"]
	if _, given, _ := req.BasicAuth(); given != password {
		fmt.Fprint(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
		return
	}
	to, err := net.Dial("tcp", req.RequestURI)
	if err != nil {
		return
	}
	defer to.Close()
	fmt.Fprint(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() { _, _ = io.Copy(to, conn); to.Close() }()
	_, _ = io.Copy(conn, to)
}

func TestProxy(t *testing.T) {
	s, config := server(t, true, func(http.ResponseWriter, *http.Request) {})
	engines(t, func(t *testing.T, o Options) {
		address, asked := connectProxy(t, "s3cret")
		o.TLS, o.Proxy = config, "http://user:s3cret@"+address
		tr := dialTo(t, s.Listener.Addr().String(), o)
		if resp, err := get(t, tr, s.URL); err != nil || resp.StatusCode != 200 {
			t.Fatalf("through the proxy: %v", err)
		}
		if want := "CONNECT " + s.Listener.Addr().String(); len(*asked) != 1 || (*asked)[0] != want {
			t.Errorf("the proxy was asked %q, want %q", *asked, want)
		}
		o.Proxy = "http://user:wrong@" + address
		_, err := get(t, dialTo(t, s.Listener.Addr().String(), o), s.URL)
		if fate(nil, err) != "not sent" || !strings.Contains(err.Error(), "407 Proxy Authentication Required") || strings.Contains(err.Error(), "wrong") {
			t.Errorf("with another password: %v", err)
		}
	})
}

func TestProxyOfEnvironment(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://proxy.example:3128")
	t.Setenv("NO_PROXY", "inside.example")
	for address, want := range map[string]string{"push.example:443": "http://proxy.example:3128", "inside.example:443": "<nil>"} {
		d, err := newDialer(address, &Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(d.proxy); got != want {
			t.Errorf("to %s through %s, want %s", address, got, want)
		}
	}
	for _, bad := range []string{"proxy", "ftp://proxy:1", "http://user:s3cret@", "http://user:s3cret@pro xy"} {
		_, err := New("push.example:443", Options{Proxy: bad})
		if err == nil || !strings.Contains(err.Error(), "proxy: it is an address such as") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("proxy %q: %v", bad, err)
		}
	}
}

// TestPlain: a server without HTTP/2 is served over HTTP/1.1 where that is
// allowed.
func TestPlain(t *testing.T) {
	s, config := server(t, false, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprint(w, r.Proto, " ", string(body))
	})
	engines(t, func(t *testing.T, o Options) {
		o.TLS, o.HTTP1 = config, true
		tr := dialTo(t, s.Listener.Addr().String(), o)
		for range 2 {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := tr.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if string(body) != "HTTP/1.1 {}" {
				t.Errorf("answer %q", body)
			}
		}
	})
}

// TestOldTLS: less than TLS 1.2 is no encryption.
func TestOldTLS(t *testing.T) {
	s, config := server(t, true, nil)
	s.TLS.MaxVersion = tls.VersionTLS11
	engines(t, func(t *testing.T, o Options) {
		o.TLS = config
		_, err := get(t, dialTo(t, s.Listener.Addr().String(), o), s.URL)
		if fate(nil, err) != "not sent" || !strings.Contains(err.Error(), "protocol version") {
			t.Errorf("error %v", err)
		}
	})
}

// TestFalseCertificate: who shows a certificate of an unknown authority, or one
// for another host, gets no request.
func TestFalseCertificate(t *testing.T) {
	reached := false
	s, config := server(t, true, func(http.ResponseWriter, *http.Request) { reached = true })
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		address string
		config  *tls.Config
		says    string
	}{
		"unknown authority": {s.Listener.Addr().String(), &tls.Config{}, "unknown authority"},
		"another host":      {"localhost:" + port, config, "not localhost"},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, o Options) {
				o.TLS = tc.config.Clone()
				_, err := get(t, dialTo(t, tc.address, o), "https://"+tc.address)
				if fate(nil, err) != "not sent" || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
	if reached {
		t.Error("the request was sent")
	}
}
