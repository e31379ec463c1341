package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tpush/tpush/providers/apns/apnstest"
)

const (
	fleetRate = 1500 // publishes a second
	// fleetStreams is how many pushes at a time the simulator takes on each of an
	// instance's two connections.
	fleetStreams = 10
	// fleetNotice is how soon the server knows that a program was killed.
	fleetNotice   = time.Second
	fleetPatience = 30 * time.Second
)

// TestFleet lets two and four programs on one database serve one domain of a
// real ejabberd, which spreads the publishes over them: all are answered and
// arrive once, the instances' own counts add up, and each has its share. Then
// instances are killed under load: the others carry on, with every registration.
// TPUSH_FLEET says how many rounds of measurements are made before.
func TestFleet(t *testing.T) {
	needIntegration(t)
	needProgram(t, "ejabberdctl")
	f := newFleet(t)
	rows := []string{"| instances | devices | results/s | µs CPU a push | shares in % | p50 | p99 | answers |"}
	rows = append(rows, f.measure(measurements(t))...)
	for _, size := range []int{2, 4} {
		f.grow(size)
		rows = append(rows, f.addUp(4000).String())
	}
	f.killed()
	rows = append(rows, f.addUp(1000).String())
	f.killedForUsers()
	t.Logf("\n%s", strings.Join(rows, "\n"))
}

// fleet is several programs on one database, connected to one server.
type fleet struct {
	t      *testing.T
	server *server
	apns   *apnstest.Server
	binary string
	uri    string
	flood  *flood
	ships  []*ship

	mu      sync.Mutex
	arrived map[string]int // pushes by their text
}

// ship is one program of a fleet.
type ship struct {
	*program
	management int // port
}

const fleetConfig = `
http () {
    management {
        listen = '127.0.0.1:%d'
        token = '` + officeToken + `'
    }
}
`

func newFleet(t *testing.T) *fleet {
	uri := os.Getenv("TPUSH_TEST_MYSQL_URI")
	if uri == "" {
		t.Fatal("TPUSH_TEST_MYSQL_URI names no database (scripts/test starts one)")
	}
	f := &fleet{t: t, server: startEjabberd(t), binary: fastProgram(t), arrived: map[string]int{}}
	f.uri, _ = ownMySQL(t, uri)
	var err error
	if f.apns, err = apnstest.NewWithLimit(fleetStreams); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.apns.Close)
	f.apns.SetLoad(apnstest.Load{CountOnly: true})
	f.apns.Watch(func(p apnstest.Push) {
		var payload struct{ Body string }
		if err := json.Unmarshal(p.Payload, &payload); err != nil {
			t.Errorf("a push with the payload %q: %v", p.Payload, err)
		}
		f.mu.Lock()
		f.arrived[payload.Body]++
		f.mu.Unlock()
	})
	f.flood = newFlood(t, f.server)
	return f
}

// grow starts programs until there are so many, with devices for each.
func (f *fleet) grow(size int) {
	f.t.Helper()
	for len(f.ships) < size {
		home := installation(f.t, f.apns, f.uri, f.server.components)
		s := &ship{management: freePort(f.t)}
		file := filepath.Join(home, "etc/config.tdsl")
		config, err := os.ReadFile(file)
		if err != nil {
			f.t.Fatal(err)
		}
		if err := os.WriteFile(file, fmt.Appendf(config, fleetConfig, s.management), 0o600); err != nil {
			f.t.Fatal(err)
		}
		s.program = start(f.t, f.binary, home)
		f.ships = append(f.ships, s)
	}
	devices := 75 * size
	f.flood.register(devices)
	f.flood.publish(fleetRate, devices) // the first push of a device is written down
	f.flood.wait(fleetPatience)
}

// load is what the ships say they have accepted and used so far.
func (f *fleet) load() (accepted []int, cpu time.Duration) {
	f.t.Helper()
	for _, s := range f.ships {
		accepted = append(accepted, int(metricsAt(f.t, s.management).sum("tpush_publishes_total{", `outcome="accepted"`)))
		used, err := usageOf(s.cmd.Process.Pid)
		if err != nil {
			f.t.Fatal(err)
		}
		cpu += used.cpu
	}
	return accepted, cpu
}

// round is what became of publishes.
type round struct {
	devices int
	took    time.Duration // until the last answer
	cpu     time.Duration // of all instances
	shares  []int         // publishes that each says it accepted
	answers map[string]int
	times   []time.Duration // that answers took, in order
}

// offer publishes n notifications, so many a second.
func (f *fleet) offer(rate, n int) round {
	f.t.Helper()
	f.flood.forget()
	before, cpu := f.load()
	began := time.Now()
	f.flood.publish(rate, n)
	f.flood.wait(fleetPatience)
	took := time.Since(began)
	after, cpuAfter := f.load()
	for i := range after {
		after[i] -= before[i]
	}
	return round{len(f.flood.registered()), took, cpuAfter - cpu, after, f.flood.tally(), f.flood.times()}
}

// addUp offers what the ships can carry and judges what became of it: all are
// answered and arrive, and no ship is idle.
func (f *fleet) addUp(n int) round {
	f.t.Helper()
	r := f.offer(fleetRate, n)
	if r.answers["result"] != n {
		f.t.Errorf("%d instances: answers %v, want %d results", len(r.shares), r.answers, n)
	}
	f.arrivedOnce()
	sum := 0
	for i, share := range r.shares {
		sum += share
		if share < n/len(r.shares)/2 {
			f.t.Errorf("instance %d of %d accepted %d of %d publishes", i+1, len(r.shares), share, n)
		}
	}
	if sum != n {
		f.t.Errorf("%d instances say that they accepted %d publishes, want %d", len(r.shares), sum, n)
	}
	return r
}

// String is a row of the table that the test logs.
func (r round) String() string {
	done := r.answers["result"]
	var shares []string
	for _, n := range r.shares {
		shares = append(shares, fmt.Sprintf("%.1f", 100*float64(n)/float64(done)))
	}
	return fmt.Sprintf("| %d | %d | %.0f | %.1f | %s | %v | %v | %v |", len(r.shares), r.devices, float64(done)/r.took.Seconds(),
		float64(r.cpu.Microseconds())/float64(done), strings.Join(shares, ", "), percentile(r.times, 50), percentile(r.times, 99), r.answers)
}

func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*p+99)/100-1].Round(100 * time.Microsecond)
}

// arrivedOnce sees that what was answered with a result has arrived once, and
// nothing twice.
func (f *fleet) arrivedOnce() {
	f.t.Helper()
	f.flood.mu.Lock()
	defer f.flood.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	missing, twice := 0, 0
	for id, answer := range f.flood.answers {
		if answer == "result" && f.arrived[id] == 0 {
			missing++
		}
	}
	for _, n := range f.arrived {
		if n > 1 {
			twice++
		}
	}
	if missing+twice > 0 {
		f.t.Errorf("%d pushes did not arrive though their publishes were answered with a result, %d arrived twice or more", missing, twice)
	}
}

// killed kills the last ship under load: its publishes in work stay without an
// answer, for which servers have a time limit; all others are answered.
func (f *fleet) killed() {
	f.t.Helper()
	f.flood.forget()
	f.apns.Delay(50 * time.Millisecond) // some are in work at any time
	defer f.apns.Delay(0)
	var offered sync.WaitGroup
	offered.Go(func() { f.flood.publish(fleetRate/4, fleetRate/2) })
	if !f.flood.until(fleetPatience, func() bool { return len(f.flood.answers) > fleetRate/8 }) {
		f.t.Fatal("nothing is answered")
	}
	underWay := 0
	f.flood.until(0, func() bool { underWay = len(f.flood.due); return true })
	at := time.Now()
	f.ships[len(f.ships)-1].kill()
	f.ships = f.ships[:len(f.ships)-1]
	offered.Wait()

	var lost []time.Time
	if !f.flood.until(fleetPatience, func() bool {
		lost = nil
		for _, when := range f.flood.due {
			lost = append(lost, when)
		}
		return !slices.ContainsFunc(lost, func(when time.Time) bool { return when.After(at.Add(fleetNotice)) })
	}) {
		f.t.Errorf("publishes from after the kill have no answer")
	}
	answers := f.flood.tally()
	f.t.Logf("one of four was killed with %d publishes under way: %d without an answer, answers %v", underWay, len(lost), answers)
	for answer, times := range answers {
		if answer != "result" && !strings.HasSuffix(answer, "/wait") {
			f.t.Errorf("%d publishes were answered %s", times, answer)
		}
	}
	if few := underWay + fleetRate/40; len(lost) > few { // those of 0.1 s more
		f.t.Errorf("%d publishes have no answer, want %d at most", len(lost), few)
	}
	f.arrivedOnce()
}

// killedForUsers kills another ship while a user's messages come: the server
// keeps the registrations of all devices.
func (f *fleet) killedForUsers() {
	f.t.Helper()
	f.apns.SetLoad(apnstest.Load{})
	enableDevices(f.t, f.server)
	stop := startLoad(f.t, f.server)
	messages := func(n int) func() bool { return func() bool { return len(f.apns.Pushes()) >= n*restartDevices } }
	eventually(f.t, "pushes of messages arrive", messages(10))
	f.ships[0].kill()
	f.ships = f.ships[1:]
	eventually(f.t, "pushes arrive after the kill", messages(len(f.apns.Pushes())/restartDevices+20))
	stop()
	lastMessage(f.t, f.server, f.apns)
}
