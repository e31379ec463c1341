package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tpush/tpush/component/ext/exttest"
)

// pressed is the program between simulators, with a device of each push service.
type pressed struct {
	*program
	server        *exttest.Server
	apns          *simulators
	iPhone, phone string // nodes
	offered       atomic.Int64
}

func startPressed(t *testing.T) *pressed {
	t.Helper()
	home := t.TempDir()
	sim, err := openSimulators(home)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.close)
	server, err := exttest.New(exttest.Options{Secrets: map[string]string{demoDomain: demoSecret}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	config := fmt.Sprintf(demoConfig, demoDomain, demoSecret, server.Port(), demoTopic, sim.apns.Addr(), sim.fcm.Endpoint())
	if err := os.Mkdir(filepath.Join(home, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "etc/config.tdsl"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &pressed{program: start(t, fastProgram(t), home), server: server, apns: sim}
	if err := server.Wait(limit(t.Context(), 10*time.Second), demoDomain, 1); err != nil {
		t.Fatal(err)
	}
	for provider, node := range map[string]*string{demoAPNs: &p.iPhone, demoFCM: &p.phone} {
		token := phoneToken
		if provider == demoAPNs {
			token = iPhoneToken
		}
		e, err := request(t.Context(), server, "r-"+provider, demoUser, demoForm("register-device", provider, token, ""))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(e.Payload), `var="node" type="text-single"><value>`)
		if *node, _, _ = strings.Cut(rest, "<"); *node == "" {
			t.Fatalf("no node in %s", e.Payload)
		}
	}
	return p
}

// publish does one publish and returns the answer: result, the error's type and
// condition, or none.
func (p *pressed) publish(ctx context.Context, id, node string) string {
	e, err := request(ctx, p.server, id, demoServer, demoPublish(node, demoMessage))
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "none"
	case err != nil:
		return err.Error()
	case e.Type == "result":
		return "result"
	case strings.Contains(string(e.Payload), " type='wait'"):
		return "wait " + condition(string(e.Payload))
	}
	return string(e.Payload)
}

// TestHangingPushService offers 100,000 publishes while APNs hangs: each is
// answered in time, in little memory, and the other push service gets its own.
func TestHangingPushService(t *testing.T) {
	const publishes, maxMemory = 100_000, 160 << 10 // KiB
	p := startPressed(t)
	p.apns.apns.Delay(time.Hour)
	var mu sync.Mutex
	answers := map[string]int{}
	done := make(chan struct{})
	var others []time.Duration // how long the other push service's took
	go func() {
		defer close(done)
		for first := true; first || p.offered.Load() < publishes; first = false {
			began := time.Now()
			if got := p.publish(t.Context(), fmt.Sprintf("other%d", len(others)), p.phone); got != "result" {
				t.Errorf("a publish to the other push service was answered %s", got)
			}
			others = append(others, time.Since(began))
			<-time.After(20 * time.Millisecond)
		}
	}()
	began := time.Now()
	err := inParallel(5_000, publishes, func(i int) error {
		got := p.publish(t.Context(), fmt.Sprintf("p%d", i), p.iPhone)
		p.offered.Add(1)
		mu.Lock()
		defer mu.Unlock()
		answers[got]++
		return nil
	})
	took := time.Since(began)
	<-done
	if err != nil {
		t.Fatal(err)
	}
	used, err := usageOf(p.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(others)
	median, slowest := others[len(others)/2], others[len(others)-1]
	t.Logf("%d publishes answered %v in %v; %d to the other push service in %v, the slowest in %v; peak memory %d MB", publishes, answers, took, len(others), median, slowest, used.peak>>10)
	if answers["wait internal-server-error"] != publishes {
		t.Errorf("answers %v, want %d times wait internal-server-error", answers, publishes)
	}
	// They come on the same stream, behind publishes that wait for room at first.
	if median > time.Second || slowest > 10*time.Second {
		t.Errorf("publishes to the other push service took %v, the slowest %v", median, slowest)
	}
	if used.peak > maxMemory {
		t.Errorf("the program took %d MB, want %d at most", used.peak>>10, maxMemory>>10)
	}
	p.apns.apns.Delay(0)
}

// TestSignals: at the first the publishes in work are answered, at the second
// the program ends at once.
func TestSignals(t *testing.T) {
	p := startPressed(t)
	p.apns.apns.Delay(500 * time.Millisecond)
	answer := make(chan string, 1)
	go func() { answer <- p.publish(t.Context(), "in-work", p.iPhone) }()
	eventually(t, "the push is on its way", func() bool { return p.apns.apns.Taken() > 0 })
	p.stop()
	if got := <-answer; got != "result" {
		t.Errorf("the publish in work was answered %s", got)
	}

	p = startPressed(t)
	p.apns.apns.Delay(time.Hour)
	go p.publish(t.Context(), "hanging", p.iPhone)
	eventually(t, "the push is on its way", func() bool { return p.apns.apns.Taken() > 0 })
	for range 2 {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		<-time.After(100 * time.Millisecond) // or the two are one
	}
	began := time.Now()
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitFailed || time.Since(began) > 5*time.Second {
		t.Errorf("after the second signal: %v in %v, want exit code 1 at once", err, time.Since(began))
	}
}
