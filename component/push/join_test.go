package push

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
	"mellium.im/xmpp/stanza"
)

const blankNotification = "<notification xmlns='urn:xmpp:push:0'/>"

// TestJoining publishes thirty content-less notifications while the push of the
// first is under way: they make one push and get its outcome.
func TestJoining(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"accepted": {nil, empty},
		"gone":     {&providers.Error{Kind: providers.Gone}, gone},
		"failed":   {&providers.Error{Kind: providers.Refused}, wait},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			node := w.register("AABB", "")
			w.phones.answers["AABB"] = tc.err
			w.phones.gate = make(chan struct{})
			const n = 30
			answers := make(chan string, n)
			for range n {
				go func() { answers <- w.ask(stanza.SetIQ, "example.com", publish(node, blankNotification)) }()
			}
			eventually(t, "all but one wait", func() bool { return w.service.flights.waiting() == n-1 })
			close(w.phones.gate)
			for range n {
				want(t, name, <-answers, tc.want)
			}
			if w.phones.pushes != 1 {
				t.Errorf("%d pushes", w.phones.pushes)
			}
			if got := w.service.counts.joined.Value(); got != n-1 {
				t.Errorf("%d joined", got)
			}
		})
	}
}

// TestMessagesDoNotJoin: a message is a push of its own, also while a
// content-less one is under way.
func TestMessagesDoNotJoin(t *testing.T) {
	w := newWorld(t, nil)
	node := w.register("AABB", "")
	var all sync.WaitGroup
	for i := range 10 {
		body := blankNotification
		if i > 0 {
			body = strings.ReplaceAll(message, "hi", fmt.Sprint("m", i))
		}
		all.Go(func() { want(t, "publish", w.ask(stanza.SetIQ, "example.com", publish(node, body)), empty) })
	}
	all.Wait()
	if w.phones.pushes != 10 {
		t.Errorf("%d pushes", w.phones.pushes)
	}
}

// TestJoinersGiveUp: who waits for another push ends with his own time.
func TestJoinersGiveUp(t *testing.T) {
	var f flights
	gate, first := make(chan struct{}), make(chan error)
	started := make(chan struct{})
	go func() {
		_, err := f.do(context.Background(), "k", "", 0, func() error { close(started); <-gate; return nil })
		first <- err
	}()
	<-started
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if joined, err := f.do(ctx, "k", "", 0, nil); !joined || !errors.Is(err, context.Canceled) {
		t.Errorf("joined %v, %v", joined, err)
	}
	close(gate)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if len(f.all) != 0 {
		t.Errorf("%d flights are left", len(f.all))
	}
}

// TestFlightsAreBounded: those that are over do not stay.
func TestFlightsAreBounded(t *testing.T) {
	var f flights
	for i := range 5 * maxFlights {
		if _, err := f.do(t.Context(), fmt.Sprint(i), "", time.Nanosecond, func() error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if len(f.all) > maxFlights {
		t.Errorf("%d flights are kept", len(f.all))
	}
}

func TestUnknownOutcomeOfACallIsKept(t *testing.T) {
	w := newWorld(t, nil)
	node := w.register("AABB", "ccdd")
	w.phones.answers["ccdd"] = &providers.Error{Kind: providers.Unknown}
	for range 2 {
		want(t, "call", w.ask(stanza.SetIQ, tigase, publish(node, callOffer)), wait)
	}
	if w.phones.pushes != 1 {
		t.Errorf("%d pushes: one of them may have rung", w.phones.pushes)
	}
}

// TestDeadline: a publish is answered in time, whatever the push service does.
func TestDeadline(t *testing.T) {
	w := newWorld(t, nil)
	node := w.register("AABB", "")
	w.phones.gate = make(chan struct{}) // never opened
	var got []repository.Device
	// On a busy machine the time may be over before the push begins.
	for limit := 50 * time.Millisecond; limit < 10*time.Second && (got == nil || got[0].LastFailure.Time.IsZero()); limit *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		err := w.service.Publish(ctx, service, node, &providers.Notification{Body: "x"})
		cancel()
		if err == nil || errors.Is(err, repository.ErrNotFound) {
			t.Errorf("the outcome is %v", err)
		}
		if got, err = w.devices.ByNode(t.Context(), service, node); err != nil || len(got) != 1 {
			t.Fatalf("devices %+v, %v", got, err)
		}
	}
	if got[0].LastFailure.Time.IsZero() {
		t.Errorf("device %+v: the failure is to be kept, although the time was over", got)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if ok() {
			return
		}
		<-time.After(time.Millisecond)
	}
	t.Fatalf("it never came true that %s", what)
}
