package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tpush/tpush/component/xmpp"
	"mellium.im/xmpp/stanza"
)

// flood publishes as another component of the server, load.a.test, whose users
// have devices.
type flood struct {
	t      *testing.T
	stream *xmpp.Stream
	sent   int

	mu      sync.Mutex
	nodes   map[string]string // by the id of the request to register
	due     map[string]time.Time
	answers map[string]string // by id: result, or error, condition and type
	took    []time.Duration
	changed chan struct{}
}

func newFlood(t *testing.T, s *server) *flood {
	t.Helper()
	tcp, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.load))
	if err != nil {
		t.Fatal(err)
	}
	f := &flood{t: t, nodes: map[string]string{}, due: map[string]time.Time{}, answers: map[string]string{}, changed: make(chan struct{}, 1)}
	if f.stream, err = xmpp.Connect(t.Context(), tcp, "load.a.test", "s3cret"); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		f.take()
	}()
	t.Cleanup(func() {
		f.stream.Close()
		<-read
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
	for {
		el, err := f.stream.Read()
		if err != nil {
			return
		}
		now := time.Now()
		f.mu.Lock()
		var registered command
		if strings.HasPrefix(el.ID, "r") && xml.Unmarshal(el.Payload, &registered) == nil && registered.field("node") != "" {
			f.nodes[el.ID] = registered.field("node")
		}
		if due, ok := f.due[el.ID]; ok {
			delete(f.due, el.ID)
			f.took = append(f.took, now.Sub(due))
			f.answers[el.ID] = outcome(el)
		}
		f.mu.Unlock()
		select {
		case f.changed <- struct{}{}:
		default:
		}
	}
}

// outcome is an answer's type, and of an error the condition and its type.
func outcome(el *xmpp.Element) string {
	_, failed, _ := strings.Cut(string(el.Payload), "<error") // what it repeats of the request comes before
	if typ := typeOf.FindStringSubmatch(failed); typ != nil {
		return el.Type + " " + condition(string(el.Payload)) + "/" + typ[1]
	}
	return el.Type
}

// until waits until something is true of what was answered, which it looks at
// while no answer is taken, but not longer than patience.
func (f *flood) until(patience time.Duration, ok func() bool) bool {
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	for {
		f.mu.Lock()
		done := ok()
		f.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-f.changed:
		case <-ctx.Done():
			return false
		}
	}
}

// register sees to it that so many users have a device, that of the i-th with the
// token i.
func (f *flood) register(n int) {
	f.t.Helper()
	// A server that has taken a handshake is not ready to route to us yet: those
	// without an answer are asked again.
	eventually(f.t, fmt.Sprintf("%d devices are registered", n), func() bool {
		known := f.registered()
		for i := range n {
			if id := fmt.Sprintf("r%d", i); known[id] == "" {
				f.write(id, fmt.Sprintf("u%d@load.a.test/phone", i), deviceRequest("register-device", fmt.Sprintf("%064X", 1<<40+i)))
			}
		}
		return f.until(time.Second, func() bool { return len(f.nodes) >= n })
	})
}

// registered are the nodes of all devices.
func (f *flood) registered() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.nodes)
}

// publish publishes n notifications to the nodes in turn, so many a second,
// whether or not answers come. The text of each is the id of its request.
func (f *flood) publish(rate, n int) {
	nodes := f.registered()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for began, done := time.Now(), 0; done < n; <-tick.C {
		for ; done < min(n, int(time.Since(began).Seconds()*float64(rate))); done++ {
			id := fmt.Sprintf("p%d", f.sent)
			payload := "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='" + nodes[fmt.Sprintf("r%d", f.sent%len(nodes))] + "'><item><notification xmlns='urn:xmpp:push:0'>" +
				"<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:push:summary</value></field>" +
				"<field var='last-message-body'><value>" + id + "</value></field></x></notification></item></publish></pubsub>"
			f.mu.Lock()
			f.due[id] = time.Now()
			f.mu.Unlock()
			f.write(id, "load.a.test", payload)
			f.sent++
		}
	}
}

// wait waits until all publishes are answered, but not longer than patience.
func (f *flood) wait(patience time.Duration) {
	f.until(patience, func() bool { return len(f.due) == 0 })
}

// times are how long the answers took, in order.
func (f *flood) times() []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(slices.Values(f.took))
}

// tally counts the answers to publishes by what they say.
func (f *flood) tally() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]int{}
	for _, answer := range f.answers {
		out[answer]++
	}
	return out
}

// forget forgets what was published and answered so far.
func (f *flood) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.due, f.answers, f.took = map[string]time.Time{}, map[string]string{}, nil
}
