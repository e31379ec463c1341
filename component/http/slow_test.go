package http

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are in memory, so that time can be
// made to pass.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestSlowClients lets clients be slow: each loses its connection in time, and
// holds no more than that.
func TestSlowClients(t *testing.T) {
	head := "POST /unregister-device/push.example.com HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
	for name, tc := range map[string]struct {
		send  string
		every time.Duration // between two bytes of it
		ends  time.Duration // the connection, at the latest
	}{
		"silent":         {"", 0, headerTime},
		"slow header":    {strings.Repeat("GET ", 100), time.Second, headerTime},
		"slow body":      {head + "{", time.Millisecond, requestTime},
		"slower body":    {head + "{{{{", 100 * time.Millisecond, requestTime},
		"silent after":   {strings.Replace(head, "5", "0", 1), time.Millisecond, idleTime + time.Second},
		"half a request": {head[:30], time.Millisecond, headerTime},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, _ := rest(RESTConfig{})
				l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
				c := &Connector{Handler: h, Log: discard(), Listen: func(string, string) (net.Listener, error) { return l, nil }}
				ctx, cancel := context.WithCancel(t.Context())
				var running sync.WaitGroup
				running.Go(func() {
					if err := c.Run(ctx); err != nil {
						t.Error(err)
					}
				})
				ours, theirs := net.Pipe()
				began := time.Now()
				l.conns <- theirs
				running.Go(func() {
					for i := range len(tc.send) {
						if _, err := io.WriteString(ours, tc.send[i:i+1]); err != nil {
							return
						}
						time.Sleep(tc.every)
					}
				})
				if _, err := io.Copy(io.Discard, ours); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took > tc.ends+time.Second {
					t.Errorf("the connection was held for %s", took)
				}
				cancel()
				running.Wait()
			})
		})
	}
}

// TestShutdown lets a request in work be answered before the connector ends.
func TestShutdown(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	c := &Connector{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-answer
		text(w, http.StatusOK)
	})}
	ctx, cancel := context.WithCancel(t.Context())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.Log, c.Listen = discard(), func(string, string) (net.Listener, error) { return l, nil }
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-asked
	cancel()
	close(answer)
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 200") || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%q, %v", line, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
