package main

//lint:file-ignore SA1019 x/net's transport is what is compared with.

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/apns"
	"github.com/tpush/tpush/providers/h2"
	"golang.org/x/net/http2"
)

// subject is one way to push.
type subject struct {
	name  string
	push  func(context.Context, int) error
	close func()
}

// device is the i-th device's token; there are 4096.
func device(i int) string { return fmt.Sprintf("%064x", i%4096+1) }

func id(i int) string { return fmt.Sprintf("5f0e3c8a-0a55-4b7d-9b55-%012x", i) }

// provider is the APNs provider.
func provider(s *simulator, connections int) (*apns.Provider, error) {
	cfg := apns.Defaults()
	cfg.CertFile, cfg.CAFile, cfg.Host, cfg.PoolSize = "cert.pem", "ca.pem", s.address, connections
	return apns.New("apns", cfg, s.home, slog.New(slog.DiscardHandler))
}

func notification(i int) providers.Notification {
	count := 3
	return providers.Notification{ID: id(i), Account: "ala@example.com", Sender: "ola@example.org/desk", Body: body, Count: &count}
}

const body = "See you at noon in the café by the river, if the rain lets up; bring the papers that Max left on the kitchen table"

func providerSubject(s *simulator, connections int) (subject, error) {
	p, err := provider(s, connections)
	if err != nil {
		return subject{}, err
	}
	tokens := make([]string, 4096)
	for i := range tokens {
		tokens[i] = device(i)
	}
	return subject{"provider", func(ctx context.Context, i int) error {
		return p.Push(ctx, providers.Target{Account: "ala@example.com", Token: tokens[i%4096]}, notification(i))
	}, func() { p.Close() }}, nil
}

const payload = `{"aps":{"alert":"ola: ` + body + `","mutable-content":1,"sound":"default","category":"MESSAGE"},` +
	`"account":"ala@example.com","unread-messages":3,"sender":"ola@example.org/desk","body":"` + body + `"}`

func expiration() string { return fmt.Sprint(time.Now().Add(7 * 24 * time.Hour).Unix()) }

// bare pushes the provider's requests through round trippers in turn.
func bare(name string, s *simulator, close func(), rts ...http.RoundTripper) (subject, error) {
	payload, expiration := []byte(payload), []string{expiration()}
	paths := make([]string, 4096)
	for i := range paths {
		paths[i] = "/3/device/" + device(i)
	}
	return subject{name, func(ctx context.Context, i int) error {
		id := []string{id(i)}
		req := (&http.Request{
			Method: http.MethodPost, URL: &url.URL{Scheme: "https", Host: s.address, Path: paths[i%4096]},
			Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}, "Apns-Topic": {topic}, "Apns-Push-Type": {"alert"},
				"Apns-Priority": {"10"}, "Apns-Id": id, "Apns-Collapse-Id": id, "Apns-Expiration": expiration},
			Body: io.NopCloser(bytes.NewReader(payload)), ContentLength: int64(len(payload)),
		}).WithContext(ctx)
		resp, err := rts[i%len(rts)].RoundTrip(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %s", resp.Status)
		}
		return nil
	}, close}, nil
}

func tlsConfig(s *simulator) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(filepath.Join(s.home, "cert.pem"), filepath.Join(s.home, "cert.pem"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(s.home, "ca.pem"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, errors.New("no certificate authority")
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: pool}, nil
}

func xnet(s *simulator, connections int) (subject, error) {
	config, err := tlsConfig(s)
	if err != nil {
		return subject{}, err
	}
	var rts []http.RoundTripper
	var all []*http2.Transport
	for range connections {
		t := &http2.Transport{TLSClientConfig: config, DisableCompression: true}
		rts, all = append(rts, t), append(all, t)
	}
	return bare("x/net", s, func() {
		for _, t := range all {
			t.CloseIdleConnections()
		}
	}, rts...)
}

func own(s *simulator, connections int) (subject, error) {
	config, err := tlsConfig(s)
	if err != nil {
		return subject{}, err
	}
	t, err := h2.New(s.address, h2.Options{TLS: config, Connections: connections})
	if err != nil {
		return subject{}, err
	}
	payload, expiration := []byte(payload), expiration()
	return subject{"own", func(ctx context.Context, i int) error {
		var got status
		id := id(i)
		err := t.Do(ctx, time.Time{}, &h2.Request{Host: s.address, Path: "/3/device/" + device(i), Body: payload, Header: []h2.Field{
			{Name: "content-type", Value: "application/json; charset=utf-8"}, {Name: "apns-topic", Value: topic},
			{Name: "apns-push-type", Value: "alert"}, {Name: "apns-priority", Value: "10"},
			{Name: "apns-id", Value: id, Sensitive: true}, {Name: "apns-collapse-id", Value: id, Sensitive: true},
			{Name: "apns-expiration", Value: expiration, Sensitive: true}}}, &got)
		if err == nil && got != http.StatusOK {
			err = fmt.Errorf("status %d", got)
		}
		return err
	}, t.Close}, nil
}

// status is that of an answer.
type status int

// Answer implements [h2.Answerer].
func (s *status) Answer(code int, _ []h2.Field, _ []byte) { *s = status(code) }

// measure prints the table, or what is asked for of it.
func measure(rounds, n, streams, onlyAt, onlyConnections int) error {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "connections\tat a time\tsubject\tCPU/push\tallocs\tpushes/s\tprovider : x/net\t")
	for _, connections := range []int{1, 4} {
		for _, at := range []int{1, 64, 1000} {
			if onlyAt > 0 && at != onlyAt || onlyConnections > 0 && connections != onlyConnections {
				continue
			}
			if err := compare(out, rounds, n, at, connections, streams); err != nil {
				return err
			}
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func compare(out io.Writer, rounds, n, at, connections, streams int) error {
	if at == 1 {
		n /= 10
	}
	s, err := startSimulator(streams)
	if err != nil {
		return err
	}
	var subjects []subject
	for _, f := range []func(*simulator, int) (subject, error){providerSubject, xnet, own} {
		x, err := f(s, connections)
		if err != nil {
			return err
		}
		subjects = append(subjects, x)
	}
	results := map[string][]result{}
	var ratios []float64
	for round := range rounds + 1 { // the first warms up
		for i := range subjects {
			x := subjects[(i+round)%len(subjects)]
			r, err := run(context.Background(), n, at, x.push)
			if err != nil {
				return fmt.Errorf("%s, %d at a time: %w", x.name, at, err)
			}
			if round > 0 {
				results[x.name] = append(results[x.name], r)
			}
		}
		if round > 0 {
			ratios = append(ratios, float64(results["provider"][round-1].cpu)/float64(results["x/net"][round-1].cpu))
		}
	}
	slices.Sort(ratios)
	for _, x := range subjects {
		m, ratio := median(results[x.name]), ""
		if x.name == "provider" {
			ratio = fmt.Sprintf("%.2f (%.2f to %.2f)", ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1])
		}
		fmt.Fprintf(out, "%d\t%d\t%s\t%.1f µs\t%.0f\t%.0f\t%s\t\n", connections, at, x.name, float64(m.cpu.Nanoseconds())/1000, m.allocs, m.rate, ratio)
		x.close()
	}
	_, err = s.stop()
	return err
}

// coldStart offers 10,000 pushes at once to a provider without a connection.
func coldStart() error {
	const offered, limit, connections = 10000, 100, 2
	s, err := startSimulator(limit)
	if err != nil {
		return err
	}
	p, err := provider(s, connections)
	if err != nil {
		return err
	}
	defer p.Close()
	var accepted, failed atomic.Int64
	began := time.Now()
	var all sync.WaitGroup
	for i := range offered {
		all.Go(func() {
			if err := p.Push(context.Background(), providers.Target{Account: "ala@example.com", Token: device(i)}, notification(i)); err != nil {
				failed.Add(1)
				log := strings.TrimSpace(err.Error())
				fmt.Fprintln(os.Stderr, log)
				return
			}
			accepted.Add(1)
		})
	}
	all.Wait()
	took := time.Since(began)
	seen, err := s.stop()
	fmt.Printf("offered %d, accepted %d, failed %d in %s; limit of requests on a connection %d, connections configured %d, opened %d; the simulator answered %v\n",
		offered, accepted.Load(), failed.Load(), took.Round(time.Millisecond), limit, connections, seen.Connections, seen.Answers)
	return err
}
