package h2

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"
	"golang.org/x/net/http2"
)

const (
	dialTimeout  = 10 * time.Second
	tcpKeepAlive = 30 * time.Second
	// maxProxyAnswer bounds the header of a proxy's answer, in bytes.
	maxProxyAnswer = 16 << 10
)

// dialer opens connections to one server. Its name is looked up each time, as
// push services spread their clients by that.
type dialer struct {
	address string // host:port
	proxy   *url.URL
	tls     *tls.Config
}

func newDialer(address string, o *Options) (*dialer, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("address %q: it is HOST:PORT", address)
	}
	d := &dialer{address: address, tls: &tls.Config{}}
	if o.TLS != nil {
		d.tls = o.TLS.Clone()
	}
	d.tls.MinVersion = max(d.tls.MinVersion, tls.VersionTLS12)
	if d.tls.ServerName == "" {
		d.tls.ServerName = host
	}
	d.proxy, err = proxyFor(o.Proxy, address)
	return d, err
}

// proxyFor finds the proxy to an address; nil for none.
func proxyFor(configured, address string) (*url.URL, error) {
	if configured == "" {
		u, err := httpproxy.FromEnvironment().ProxyFunc()(&url.URL{Scheme: "https", Host: address})
		if err != nil {
			return nil, errors.New("HTTPS_PROXY: it is no URL")
		}
		return u, checkProxy(u, "HTTPS_PROXY")
	}
	u, err := url.Parse(configured)
	if err != nil || u.Host == "" {
		u = &url.URL{}
	}
	return u, checkProxy(u, "proxy")
}

func checkProxy(u *url.URL, name string) error {
	if u == nil || u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") {
		return nil
	}
	// The value is not repeated: it may hold a password.
	return fmt.Errorf("%s: it is an address such as http://proxy.example.com:3128 (http or https)", name)
}

// dial opens a connection and says which protocol it speaks. The error wraps
// [ErrNoHTTP2] when that is not HTTP/2 and has to be.
func (d *dialer) dial(ctx context.Context, protocols ...string) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	raw, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	config := d.tls.Clone()
	config.NextProtos = protocols
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		// The alert of a server that knows no h2 (RFC 7301 section 3.2); crypto/tls
		// has no type for it.
		if strings.Contains(err.Error(), "no application protocol") {
			return nil, fmt.Errorf("%s %w", d.address, ErrNoHTTP2)
		}
		return nil, fmt.Errorf("connect to %s: %w", d.address, err)
	}
	return conn, nil
}

// dialHTTP2 opens a connection and sees that it speaks HTTP/2.
func (d *dialer) dialHTTP2(ctx context.Context) (*tls.Conn, error) {
	conn, err := d.dial(ctx, http2.NextProtoTLS)
	if err != nil {
		return nil, err
	}
	if conn.ConnectionState().NegotiatedProtocol != http2.NextProtoTLS {
		conn.Close()
		return nil, fmt.Errorf("%s %w", d.address, ErrNoHTTP2)
	}
	return conn, nil
}

// connect opens the TCP connection, through the proxy if there is one.
func (d *dialer) connect(ctx context.Context) (net.Conn, error) {
	n := &net.Dialer{KeepAlive: tcpKeepAlive}
	if d.proxy == nil {
		return n.DialContext(ctx, "tcp", d.address)
	}
	port := d.proxy.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[d.proxy.Scheme]
	}
	conn, err := n.DialContext(ctx, "tcp", net.JoinHostPort(d.proxy.Hostname(), port))
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	tunnel, err := d.tunnel(ctx, conn)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("proxy %s: %w", d.proxy.Host, err)
	}
	return tunnel, nil
}

// tunnel asks the proxy for a way to the server (RFC 9110 section 9.3.6).
func (d *dialer) tunnel(ctx context.Context, conn net.Conn) (net.Conn, error) {
	if d.proxy.Scheme == "https" {
		secure := tls.Client(conn, &tls.Config{ServerName: d.proxy.Hostname(), RootCAs: d.tls.RootCAs, MinVersion: tls.VersionTLS12})
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		conn = secure
	}
	ask := "CONNECT " + d.address + " HTTP/1.1\r\nHost: " + d.address + "\r\n"
	if u := d.proxy.User; u != nil {
		password, _ := u.Password()
		ask += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)) + "\r\n"
	}
	if _, err := conn.Write([]byte(ask + "\r\n")); err != nil {
		return nil, err
	}
	// One byte at a time: what follows the answer is the server's.
	head := &byteReader{conn: conn, left: maxProxyAnswer}
	resp, err := http.ReadResponse(bufio.NewReaderSize(head, 1), &http.Request{Method: http.MethodConnect})
	if err != nil {
		return nil, fmt.Errorf("read its answer: %w", err)
	}
	// The body is left alone: what a header says of one means nothing here (RFC
	// 9110 section 9.3.6), and closing it would wait for one.
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it refuses a connection to %s: %s", d.address, resp.Status)
	}
	return conn, nil
}

// byteReader reads a byte at a time, and only so many.
type byteReader struct {
	conn net.Conn
	left int
}

// Read implements io.Reader.
func (r *byteReader) Read(p []byte) (int, error) {
	if r.left--; r.left < 0 {
		return 0, errors.New("it is too long")
	}
	return r.conn.Read(p[:min(1, len(p))])
}
