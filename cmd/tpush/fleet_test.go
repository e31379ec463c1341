package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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

// fleetPublishes is how many publishes a round has: 4,000, or what TPUSH_FLEET
// says. Then it is also measured how much the instances carry.
func fleetPublishes(t *testing.T) (n int, measured bool) {
	t.Helper()
	text := os.Getenv("TPUSH_FLEET")
	if text == "" {
		return 4000, false
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("TPUSH_FLEET=%q: want a number of publishes", text)
	}
	return n, true
}

// TestFleet lets one, two and four programs on one database serve one domain of a
// real ejabberd, which spreads the publishes over them: all are answered and
// arrive once, the instances' own counts add up, and each has its share. Then
// instances are killed under load: the others carry on, with every registration.
func TestFleet(t *testing.T) {
	needProgram(t, "ejabberdctl")
	n, measured := fleetPublishes(t)
	f := newFleet(t)
	rows := []string{"| instances | devices | publishes/s | µs CPU a push | shares in % | p50 | p99 |"}
	for _, size := range []int{1, 2, 4} {
		f.grow(size)
		f.flood.register(75 * size)
		if measured {
			f.settle()
		}
		rows = append(rows, f.round(fleetRate, n))
	}
	if measured {
		rows = append(rows, f.capacity()...)
	}
	f.killed(n)
	rows = append(rows, f.round(fleetRate, n/4))
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

// grow starts programs until there are so many.
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
}

// settle waits until every ship has its second connection, which comes when the
// first has lived for a while. Until then older ships get more than younger ones.
func (f *fleet) settle() {
	f.t.Helper()
	for _, s := range f.ships {
		within(f.t, time.Minute, "a program has two connections", func() bool { return strings.Count(s.log.String(), "msg=connected bean=ext") == 2 })
	}
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

// round publishes n notifications, judges what became of them, and describes it
// in a row.
func (f *fleet) round(rate, n int) string {
	f.t.Helper()
	f.flood.forget()
	before, cpuBefore := f.load()
	began := time.Now()
	f.flood.publish(rate, n)
	f.flood.wait(fleetPatience)
	took := time.Since(began)
	after, cpu := f.load()

	if answers := f.flood.tally(); answers["result"] != n {
		f.t.Errorf("%d instances: answers %v, want %d results", len(f.ships), answers, n)
	}
	f.arrivedOnce()
	sum, shares := 0, []string{}
	for i := range after {
		share := after[i] - before[i]
		sum += share
		shares = append(shares, fmt.Sprintf("%.1f", 100*float64(share)/float64(n)))
		if share < n/len(after)/2 {
			f.t.Errorf("instance %d of %d accepted %d of %d publishes", i+1, len(after), share, n)
		}
	}
	if sum != n {
		f.t.Errorf("%d instances say that they accepted %d publishes, want %d", len(after), sum, n)
	}
	times := f.flood.times()
	return fmt.Sprintf("| %d | %d | %.0f | %.1f | %s | %v | %v |", len(after), len(f.flood.nodes), float64(n)/took.Seconds(),
		float64((cpu-cpuBefore).Nanoseconds())/1000/float64(n), strings.Join(shares, ", "), percentile(times, 50), percentile(times, 99))
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
func (f *fleet) killed(n int) {
	f.t.Helper()
	f.flood.forget()
	f.apns.Delay(50 * time.Millisecond) // some are in work at any time
	defer f.apns.Delay(0)
	var offered sync.WaitGroup
	offered.Go(func() { f.flood.publish(fleetRate/4, n/4) })
	if !f.flood.until(fleetPatience, func() bool { return len(f.flood.answers) > n/16 }) {
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
	if len(lost) > underWay {
		f.t.Errorf("%d publishes have no answer, %d were under way when an instance was killed", len(lost), underWay)
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

// capacity measures how much instances carry whose pushes wait for APNs, with
// more offered than that: one, two and four of them.
func (f *fleet) capacity() []string { return nil }
