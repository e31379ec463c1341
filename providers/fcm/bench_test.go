package fcm

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"firebase.google.com/go/v4/messaging"
	"github.com/tpush/tpush/providers/fcm/fcmtest"
	"golang.org/x/oauth2"
)

// simulatorFolder is the variable that makes a process of the tests a simulator,
// whose work is then not counted as the provider's.
const simulatorFolder = "TPUSH_FCM_SIMULATOR"

// simulate is FCM until the input ends. What accounts and connections need is
// in a folder.
func simulate(dir string) {
	s, err := fcmtest.NewTLS("h2")
	if err != nil {
		panic(err)
	}
	defer s.Close()
	s.Forget()
	if err := s.WriteServiceAccount(filepath.Join(dir, "sa.json")); err != nil {
		panic(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), s.CA(), 0o600); err != nil {
		panic(err)
	}
	fmt.Println(s.Endpoint())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// simulatorProcess starts one.
func simulatorProcess(b *testing.B) (endpoint, dir string) {
	b.Helper()
	dir = b.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), simulatorFolder+"="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line), dir
}

const (
	concurrent = 64
	chunk      = 2000 // messages of one way before the other has its turn
)

// BenchmarkSend sends each message once through firebase's client on package h2,
// as the provider does, and once through the same on net/http's HTTP/2 and
// oauth2's transport, in turns. It reports this process's CPU time for a message.
func BenchmarkSend(b *testing.B) {
	endpoint, dir := simulatorProcess(b)
	cfg := Defaults()
	cfg.ServiceAccountFile, cfg.CAFile, cfg.Endpoint = "sa.json", "ca.pem", endpoint
	p, err := New("fcm-http-v1", cfg, dir, NewQuotas(), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Close() })
	own, err := p.ready()
	if err != nil {
		b.Fatal(err)
	}
	standard := standardClient(b, endpoint, dir, own)

	m := compose(token, plain(), maxExpiration)
	ours := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), cfg.RequestTimeout)
		defer cancel()
		x := &exchange{device: token, cancel: cancel}
		if err := own.send(context.WithValue(ctx, exchangeKey{}, x), x, m, false); err != nil {
			return err
		}
		return nil
	}
	theirs := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), cfg.RequestTimeout)
		defer cancel()
		_, err := standard.Send(ctx, m)
		return err
	}
	var a, z time.Duration
	both := func(n int) {
		a += spent(b, n, ours)
		z += spent(b, n, theirs)
	}
	both(500)
	a, z = 0, 0
	b.ResetTimer()
	for left := b.N; left > 0; left -= chunk {
		both(min(left, chunk))
	}
	perMessage := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / float64(b.N) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(perMessage(a), "h2-cpu-µs")
	b.ReportMetric(perMessage(z), "nethttp-cpu-µs")
	b.ReportMetric(float64(a)/float64(z), "ratio")
}

// standardClient is firebase's client in the way that its documentation shows,
// on few connections.
func standardClient(b *testing.B, endpoint, dir string, own *sender) *messaging.Client {
	b.Helper()
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		b.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	base := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true, MaxConnsPerHost: 2}
	b.Cleanup(base.CloseIdleConnections)
	access, err := own.tokens.get(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	client, err := newClient(fcmtest.Project, endpoint, &oauth2.Transport{Base: base, Source: oauth2.StaticTokenSource(access)})
	if err != nil {
		b.Fatal(err)
	}
	return client
}

// spent sends messages and returns the CPU time that took.
func spent(b *testing.B, n int, send func() error) time.Duration {
	before := cpuTime(b)
	var all sync.WaitGroup
	todo := make(chan struct{}, n)
	for range n {
		todo <- struct{}{}
	}
	close(todo)
	for range concurrent {
		all.Go(func() {
			for range todo {
				if err := send(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	return cpuTime(b) - before
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
