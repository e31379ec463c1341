package main

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/providers/apns/apnstest"
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
	binary := fastProgram(t)
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
	f.register(1)
	apns.Delay(overloadLatency)
	began := time.Now()
	f.publish(overloadRate, int(overloadTime(t).Seconds()*overloadRate))
	offered := time.Since(began)
	f.wait(overloadPatience)
	took, answers := f.times(), f.tally()
	if len(took) == 0 {
		t.Fatal("no publish was answered")
	}
	slowest := took[len(took)-1]
	t.Logf("%d publishes in %v, answered %v; half within %v, the slowest in %v\n%s", f.sent, offered, answers, took[len(took)/2], slowest, grep(p.log.String(), "level=WARN", "level=INFO"))
	if strings.Contains(p.log.String(), "connection lost") {
		t.Error("the connection was lost")
	}
	if len(took) != f.sent || slowest > overloadPatience {
		t.Errorf("%d of %d publishes were answered, the slowest after %v", len(took), f.sent, slowest)
	}
	least := int(offered/overloadLatency) * overloadStreams / 2 // the machine may have other work
	if got := answers["result"]; got < least {
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
