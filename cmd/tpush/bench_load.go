package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tpush/tpush/component/ext/exttest"
	"github.com/tpush/tpush/component/xmpp"
	"mellium.im/xmpp/stanza"
)

const (
	demoEmpty = "<notification xmlns='urn:xmpp:push:0'/>"
	// benchTimeout is when a server gives up waiting for an answer.
	benchTimeout = 30 * time.Second
	// maxOffered bounds what an open loop has under way; more is late.
	maxOffered = 20000
	// maxLost is how many publishes, beside one in a hundred, may be left without
	// an answer before the measurement is given up.
	maxLost = 20
)

// mixOf returns the payloads that are published in turn.
func mixOf(shares map[string]int) ([]string, error) {
	payloads := map[string]string{"plain": demoMessage, "encrypted": demoEncrypted, "call": demoCall, "empty": demoEmpty}
	var kinds []string
	for _, name := range slices.Sorted(maps.Keys(shares)) {
		payload, known := payloads[name]
		if !known || shares[name] < 0 || shares[name] > 1000 {
			return nil, fmt.Errorf("mix: %s=%d: want a share from 0 to 1000 of plain, encrypted, call or empty", name, shares[name])
		}
		kinds = append(kinds, slices.Repeat([]string{payload}, shares[name])...)
	}
	if len(kinds) == 0 {
		return nil, errors.New("mix: every share is 0")
	}
	return kinds, nil
}

// load registers the devices, publishes, and measures the process while it does.
func (b *benchRun) load(ctx context.Context, pid int) (*benchResult, error) {
	if err := b.server.Wait(limit(ctx, 10*time.Second), demoDomain, 1); err != nil {
		return nil, err
	}
	r := &benchResult{Answers: map[string]int{}}
	node, err := b.nodes(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("register devices: %w", err)
	}
	p := &publisher{server: b.server, node: node, kinds: b.kinds}
	if err := b.warm(ctx, p); err != nil {
		return nil, fmt.Errorf("publish before the measurement: %w", err)
	}
	if err := b.missing(p); err != nil {
		return nil, err
	}
	p.took, p.answers = make([]time.Duration, b.Pushes), r.Answers
	inBefore, err := b.inside.ask()
	if err != nil {
		return nil, err
	}
	before, err := usageOf(pid)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if b.Rate > 0 {
		err = p.offered(ctx, b.Rate)
	} else {
		err = inParallel(b.Window, b.Pushes, func(i int) error { return p.publish(ctx, i, time.Now()) })
	}
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	if err := b.missing(p); err != nil {
		return nil, err
	}
	took := time.Since(began)
	after, err := usageOf(pid)
	if err != nil {
		return nil, err
	}
	inAfter, err := b.inside.ask()
	if err != nil {
		return nil, err
	}
	r.fill(p.took, took, before, after)
	r.internals(inBefore, inAfter, b.Pushes)
	return r, nil
}

// warm publishes before the measurement: every device has then had its first
// push, whose outcome is written to the database.
func (b *benchRun) warm(ctx context.Context, p *publisher) error {
	n := b.Warm
	if n < 0 {
		n = b.Accounts
	}
	p.took, p.answers = make([]time.Duration, n), map[string]int{}
	return inParallel(b.Window, n, func(i int) error { return p.publish(ctx, i, time.Now()) })
}

// missing tells of devices that the database was said to hold, and does not.
func (b *benchRun) missing(p *publisher) error {
	if n := p.answers["error item-not-found"]; b.Stored > 0 && n > 0 {
		return fmt.Errorf("%d of %d publishes went to devices that the database does not hold: are there %d, of scripts/bench/fill?", n, len(p.took), b.Stored)
	}
	return nil
}

// nodes says to which node the i-th publish goes. Those of stored devices come in
// no order, from all of them.
func (b *benchRun) nodes(ctx context.Context, r *benchResult) (func(int) string, error) {
	if n := uint64(b.Stored); n > 0 {
		// Multiples of the golden ratio fill the numbers evenly, and far apart.
		const ratio = 0x9E3779B97F4A7C15
		return func(i int) string {
			at, _ := bits.Mul64(uint64(i)*ratio, n)
			return fmt.Sprintf("bench-%d", at)
		}, nil
	}
	nodes, err := b.register(ctx, r)
	return func(i int) string { return nodes[i%len(nodes)] }, err
}

// register gives every account a device and returns the nodes. Other programs
// have theirs already.
func (b *benchRun) register(ctx context.Context, r *benchResult) ([]string, error) {
	nodes := make([]string, b.Accounts)
	if b.program != "" {
		for i := range nodes {
			nodes[i] = fmt.Sprintf("node-%d", i)
		}
		return nodes, nil
	}
	began := time.Now()
	err := inParallel(64, b.Accounts, func(i int) error {
		form := demoForm("register-device", demoAPNs, fmt.Sprintf("%064x", i), fmt.Sprintf("%064x", 1<<40+i))
		e, err := request(ctx, b.server, fmt.Sprintf("r%d", i), fmt.Sprintf("u%d@example.com/p", i), form)
		if err != nil {
			return err
		}
		_, rest, _ := strings.Cut(string(e.Payload), `var="node" type="text-single"><value>`)
		nodes[i], _, _ = strings.Cut(rest, "<")
		if nodes[i] == "" {
			return fmt.Errorf("no node in the answer %s", e.Payload)
		}
		return nil
	})
	r.Registered = float64(b.Accounts) / time.Since(began).Seconds()
	return nodes, err
}

// publisher publishes and keeps how long the answers took.
type publisher struct {
	server *exttest.Server
	node   func(i int) string
	kinds  []string
	took   []time.Duration
	lost   atomic.Int64 // publishes without an answer

	mu      sync.Mutex
	answers map[string]int // by type and condition
}

// publish does the i-th publish, which was due at a time.
func (p *publisher) publish(ctx context.Context, i int, due time.Time) error {
	e, err := request(ctx, p.server, fmt.Sprintf("p%d", i), demoServer, demoPublish(p.node(i), p.kinds[i%len(p.kinds)]))
	p.took[i] = time.Since(due)
	answer := "none"
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		if lost := p.lost.Add(1); int(lost) > maxLost+len(p.took)/100 {
			return fmt.Errorf("the program does not answer: %w", firstOf(p.server.Faults(), err))
		}
	case err != nil:
		return err
	default:
		answer = strings.TrimSpace(e.Type + " " + condition(string(e.Payload)))
	}
	p.mu.Lock()
	p.answers[answer]++
	p.mu.Unlock()
	return nil
}

// condition returns the condition of the error in an answer's XML, if any.
func condition(payload string) string {
	_, rest, _ := strings.Cut(payload, "<error")
	_, rest, _ = strings.Cut(rest, "><")
	name, _, _ := strings.Cut(rest, " ")
	return name
}

// offered publishes so many a second, whether or not answers come.
func (p *publisher) offered(ctx context.Context, rate float64) error {
	var all sync.WaitGroup
	under := make(chan struct{}, maxOffered)
	errs := make([]error, len(p.took))
	began := time.Now()
	for i := range p.took {
		due := began.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			all.Wait()
			return ctx.Err()
		}
		under <- struct{}{}
		all.Go(func() {
			errs[i] = p.publish(ctx, i, due)
			<-under
		})
	}
	all.Wait()
	return firstOf(errs...)
}

func request(ctx context.Context, s *exttest.Server, id, from, payload string) (*xmpp.Element, error) {
	ctx, cancel := context.WithTimeout(ctx, benchTimeout)
	defer cancel()
	q := &xmpp.IQ{Type: stanza.SetIQ, ID: id, From: from, To: demoDomain, Name: xml.Name{Local: "x"}, Children: 1, Payload: []byte(payload)}
	return s.Request(ctx, demoDomain, q)
}

// inParallel does n things, some at a time, and returns the first error.
func inParallel(workers, n int, do func(i int) error) error {
	var next atomic.Int64
	var all sync.WaitGroup
	errs := make([]error, workers)
	for w := range workers {
		all.Go(func() {
			for errs[w] == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				errs[w] = do(i)
			}
		})
	}
	all.Wait()
	return firstOf(errs...)
}
