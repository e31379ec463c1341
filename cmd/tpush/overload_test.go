package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/providers/apns/apnstest"
	"mellium.im/xmpp/stanza"
)

const (
	// overloadLatency is how long APNs takes. Its simulator takes 250 pushes at a
	// time on each of two connections: 333 a second are possible.
	overloadLatency = 1500 * time.Millisecond
	overloadStreams = 500
	overloadRate    = 2000 // publishes a second
	// overloadPatience is how long servers wait for an answer: ejabberd, 32 s.
	overloadPatience = 30 * time.Second
)

// overloadTime is how long more is offered than can be carried: 20 seconds, or
// what TPUSH_OVERLOAD says.
func overloadTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("TPUSH_OVERLOAD")
	if text == "" {
		return 20 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestOverload offers six times as many publishes as can be carried, through real
// servers: each gets an answer in time, no connection is lost, and pushes go on
// being made.
func TestOverload(t *testing.T) {
	for name, start := range map[string]func(*testing.T) *server{"prosody": startProsody, "ejabberd": startEjabberd} {
		t.Run(name, func(t *testing.T) { overload(t, start(t)) })
	}
}

func overload(t *testing.T, s *server) {
	binary := filepath.Join(t.TempDir(), "tpush") // not for the race detector: it is to be fast
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	apns, err := apnstest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(apns.Close)
	apns.SetLoad(apnstest.Load{CountOnly: true})
	home := installation(t, apns, "jdbc:sqlite:data/tpush.db", s.components)
	runTpush(t, binary, home, "schema", "install")
	p := start(t, binary, home)
	f := newFlood(t, s)
	apns.Delay(overloadLatency)
	began := time.Now()
	f.publish(overloadRate, overloadTime(t))
	offered := time.Since(began)
	f.stop(overloadPatience)
	if len(f.took) == 0 {
		t.Fatal("no publish was answered")
	}
	slowest := slices.Max(f.took)
	slices.Sort(f.took)
	t.Logf("%d publishes in %v, answered %v; half within %v, the slowest in %v\n%s", f.sent, offered, f.answers, f.took[len(f.took)/2], slowest, grep(p.log.String(), "level=WARN", "level=INFO"))
	if strings.Contains(p.log.String(), "connection lost") {
		t.Error("the connection was lost")
	}
	if len(f.took) != f.sent || slowest > overloadPatience {
		t.Errorf("%d of %d publishes were answered, the slowest after %v", len(f.took), f.sent, slowest)
	}
	least := int(offered/overloadLatency) * overloadStreams / 2 // the machine may have other work
	if got := f.answers["result"]; got < least {
		t.Errorf("%d pushes were made, want %d at least", got, least)
	}
}

func grep(text string, words ...string) string {
	var out []string
	for line := range strings.Lines(text) {
		if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(line, w) }) {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

// flood publishes as another component of the server, load.a.test.
type flood struct {
	t      *testing.T
	stream *xmpp.Stream
	node   string
	sent   int

	mu      sync.Mutex
	due     map[string]time.Time
	answers map[string]int // by type and condition
	took    []time.Duration
	changed chan struct{}
	read    chan struct{} // closed when nothing is read any more
}

func newFlood(t *testing.T, s *server) *flood {
	t.Helper()
	tcp, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.load))
	if err != nil {
		t.Fatal(err)
	}
	f := &flood{t: t, due: map[string]time.Time{}, answers: map[string]int{}, changed: make(chan struct{}, 1), read: make(chan struct{})}
	if f.stream, err = xmpp.Connect(t.Context(), tcp, "load.a.test", "s3cret"); err != nil {
		t.Fatal(err)
	}
	go f.take()
	// A server that has taken our handshake is not ready to route to us yet.
	eventually(t, "a device is registered", func() bool {
		f.write("register", "u@load.a.test/phone", deviceRequest("register-device", strings.Repeat("ab", 32)))
		select {
		case <-f.changed:
		case <-time.After(time.Second):
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.node != ""
	})
	return f
}

func (f *flood) write(id, from, payload string) {
	if err := f.stream.Write(&xmpp.IQ{Type: stanza.SetIQ, ID: id, From: from, To: "push.a.test", Payload: []byte(payload)}); err != nil {
		f.t.Errorf("write to the server: %v", err)
	}
}

// take reads the answers.
func (f *flood) take() {
	defer close(f.read)
	for {
		el, err := f.stream.Read()
		if err != nil {
			return
		}
		now := time.Now()
		f.mu.Lock()
		var registered command
		if el.ID == "register" && xml.Unmarshal(el.Payload, &registered) == nil {
			f.node = registered.field("node")
		}
		if due, ok := f.due[el.ID]; ok {
			delete(f.due, el.ID)
			f.took = append(f.took, now.Sub(due))
			f.answers[strings.TrimSpace(el.Type+" "+condition(string(el.Payload)))]++
		}
		f.mu.Unlock()
		select {
		case f.changed <- struct{}{}:
		default:
		}
	}
}

// publish publishes so many a second for a time, whether or not answers come.
func (f *flood) publish(rate int, whole time.Duration) {
	payload := "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='" + f.node + "'><item><notification xmlns='urn:xmpp:push:0'>" +
		"<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:push:summary</value></field>" +
		"<field var='last-message-body'><value>hello</value></field></x></notification></item></publish></pubsub>"
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < whole; <-tick.C {
		for ; f.sent < int(min(time.Since(began), whole).Seconds()*float64(rate)); f.sent++ {
			id := fmt.Sprintf("p%d", f.sent)
			f.mu.Lock()
			f.due[id] = time.Now()
			f.mu.Unlock()
			f.write(id, "load.a.test", payload)
		}
	}
}

// stop waits until all publishes are answered, but not longer than patience, and
// ends.
func (f *flood) stop(patience time.Duration) {
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	for left := 1; left > 0 && ctx.Err() == nil; {
		select {
		case <-f.changed:
		case <-ctx.Done():
		}
		f.mu.Lock()
		left = len(f.due)
		f.mu.Unlock()
	}
	f.stream.Close()
	<-f.read
}
