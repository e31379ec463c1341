package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tpush/tpush/providers/apns/apnstest"
	"mellium.im/xmpp/stanza"
)

const (
	restartDevices = 5 // a Prosody account's limit
	restartPause   = 50 * time.Millisecond
	// restartLimit is how soon the component has to be back once the server is.
	restartLimit = 2 * time.Second
)

// TestServerRestarts restarts Prosody and ejabberd under a steady load of
// publishes, every second time after a kill -9. TPUSH_RESTARTS says how often.
func TestServerRestarts(t *testing.T) {
	for name, start := range map[string]func(*testing.T) *server{"prosody": startProsody, "ejabberd": startEjabberd} {
		t.Run(name, func(t *testing.T) { restarts(t, start(t), restartCount(t)) })
	}
}

func restartCount(t *testing.T) int {
	text := os.Getenv("TPUSH_RESTARTS")
	if text == "" {
		return 4
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("TPUSH_RESTARTS=%q: want a number", text)
	}
	return n
}

func restarts(t *testing.T, server *server, times int) {
	apns, err := apnstest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(apns.Close)
	tap := newTap(t, server)
	start(t, builtProgram(t), installation(t, apns, "jdbc:sqlite:data/tpush.db", tap.port()))
	enableDevices(t, server)

	load := startLoad(t, server)
	var back []time.Duration
	for i := range times {
		before := tap.answered()
		eventually(t, fmt.Sprintf("publishes are answered before restart %d", i+1), func() bool { return tap.answered() >= before+10*restartDevices })
		if i%2 == 0 {
			server.stop()
		} else {
			server.kill(t)
		}
		server.running = server.start()
		down := time.Now()
		if err := server.running.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the server listens for components", func() bool { return listens(server.components) })
		up := time.Now()
		eventually(t, "the component is back", func() bool { n, _ := tap.loginsAfter(down); return n > 0 })
		_, at := tap.loginsAfter(down)
		back = append(back, max(0, at.Sub(up)))
	}
	before := tap.answered()
	eventually(t, "publishes are answered after the last restart", func() bool { return tap.answered() >= before+10*restartDevices })
	sent := load()
	judgeRestarts(t, tap, apns, sent, back)
	lastMessage(t, server, apns)
}

// enableDevices registers alice's devices and lets the server push to them.
func enableDevices(t *testing.T, server *server) {
	alice := logIn(t, server, "alice")
	defer alice.logOut()
	for i := range restartDevices {
		var registered command
		alice.request(stanza.SetIQ, "push.a.test", deviceRequest("register-device", fmt.Sprintf("%064X", i+1)), &registered)
		node := registered.field("node")
		if node == "" {
			t.Fatalf("register-device answered %+v", registered)
		}
		alice.request(stanza.SetIQ, "", "<enable xmlns='urn:xmpp:push:0' jid='push.a.test' node='"+node+"'/>", &struct{}{})
	}
}

// startLoad lets bob write to alice without end, logging in again whenever the
// server is back. It returns how to stop, which returns the number of messages.
func startLoad(t *testing.T, server *server) (stop func() int) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	var sent atomic.Int64
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			bob, err := tryLogIn(ctx, t, server, "bob")
			for err == nil && ctx.Err() == nil {
				if err = bob.trySay(ctx, "alice@a.test", fmt.Sprintf("message %d", sent.Load())); err == nil {
					sent.Add(1)
				}
				pause(ctx, restartPause)
			}
			if bob != nil {
				bob.drop()
			}
			pause(ctx, restartPause)
		}
	}()
	stop = func() int {
		cancel()
		<-done
		return int(sent.Load())
	}
	t.Cleanup(func() { stop() })
	return stop
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// judgeRestarts compares what the server published with what it was answered,
// and with the pushes that arrived.
func judgeRestarts(t *testing.T, tap *tap, apns *apnstest.Server, messages int, back []time.Duration) {
	publishes, answered, twice, errors := tap.counts()
	arrived := map[string]int{}
	double := 0
	for _, p := range apns.Pushes() {
		var payload struct{ Body string }
		if err := json.Unmarshal(p.Payload, &payload); err != nil {
			t.Fatal(err)
		}
		if arrived[p.Token+payload.Body]++; arrived[p.Token+payload.Body] == 2 {
			double++
		}
	}
	slices.Sort(back)
	p95 := back[(len(back)*95+99)/100-1]
	t.Logf("%d restarts: %d messages, %d publishes passed on, %d answered with a result, %d with an error, %d answered twice, %d pushes arrived, %d twice; back after %v, p95 %v, max %v",
		len(back), messages, publishes, answered, errors, twice, len(arrived), double, back[len(back)/2], p95, back[len(back)-1])
	if errors > 0 || twice > 0 {
		t.Errorf("%d publishes were answered with an error, %d twice", errors, twice)
	}
	if double > 0 {
		t.Errorf("%d pushes arrived twice", double)
	}
	if len(arrived) < answered {
		t.Errorf("%d publishes were answered, %d pushes arrived", answered, len(arrived))
	}
	if lost := publishes - answered; lost > publishes/10 {
		t.Errorf("%d of %d publishes that were passed on were not answered", lost, publishes)
	}
	if p95 > restartLimit {
		t.Errorf("the component was back %v after the server (95 %%), want %v", p95, restartLimit)
	}
}

// lastMessage sees that every device is still registered at the server.
func lastMessage(t *testing.T, server *server, apns *apnstest.Server) {
	bob := logIn(t, server, "bob")
	defer bob.logOut()
	bob.say("alice@a.test", "the last one")
	eventually(t, fmt.Sprintf("all %d devices get the last message", restartDevices), func() bool {
		tokens := map[string]bool{}
		for _, p := range apns.Pushes() {
			if strings.Contains(string(p.Payload), "the last one") {
				tokens[p.Token] = true
			}
		}
		return len(tokens) == restartDevices
	})
}
