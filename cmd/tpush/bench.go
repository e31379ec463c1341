package main

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tpush/tpush/component/ext/exttest"
	"github.com/tpush/tpush/component/xmpp"
	"mellium.im/xmpp/stanza"
)

// benchCommand measures the program, in a process of its own, under the load of
// a server that publishes for many accounts. The server and Apple are simulated
// in this process.
type benchCommand struct {
	Accounts int           `help:"Accounts with a device each." default:"1000"`
	Pushes   int           `help:"Publishes in all." default:"20000"`
	Window   int           `help:"Publishes that wait for their answer at a time." default:"256"`
	Latency  time.Duration `help:"How long Apple takes for an answer." default:"0s"`
	Database string        `help:"JDBC URI of the database (default: SQLite in a new file)." placeholder:"URI"`
	JSON     bool          `name:"json" help:"Print the result as JSON."`
}

// benchResult is what was measured.
type benchResult struct {
	Accounts   int            `json:"accounts"`
	Pushes     int            `json:"pushes"`
	Window     int            `json:"window"`
	Latency    time.Duration  `json:"apns_latency_ns"`
	Answers    map[string]int `json:"answers"`
	Arrived    int            `json:"arrived"`
	Seconds    float64        `json:"seconds"`
	Rate       float64        `json:"pushes_per_second"`
	CPU        float64        `json:"cpu_us_per_push"` // of the measured process alone
	P50        time.Duration  `json:"p50_ns"`
	P95        time.Duration  `json:"p95_ns"`
	P99        time.Duration  `json:"p99_ns"`
	Max        time.Duration  `json:"max_ns"`
	MaxRSS     int64          `json:"max_rss_kb"`
	Registered float64        `json:"registrations_per_second"`
}

// Run implements the command.
func (c *benchCommand) Run(ctx context.Context, io streams) error {
	ctx, stop := signalled(ctx)
	defer stop()
	if c.Accounts < 1 || c.Pushes < 1 || c.Window < 1 {
		return errors.New("accounts, pushes and window are 1 or more")
	}
	d := &demo{line: &timeline{out: discard{}, json: true}}
	defer d.close()
	if err := d.open(); err != nil {
		return err
	}
	d.apns.Delay(c.Latency)
	if c.Database != "" {
		if err := addDatabase(filepath.Join(d.home, "config.tdsl"), c.Database); err != nil {
			return err
		}
	}
	cmd, err := startMeasured(ctx, d.home, io.err)
	if err != nil {
		return err
	}
	result, err := c.measure(ctx, d)
	signalErr := cmd.Process.Signal(syscall.SIGTERM)
	if waitErr := cmd.Wait(); err == nil {
		err = firstOf(signalErr, waitErr)
	}
	if err != nil {
		return err
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if ok {
		result.CPU = float64((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Microseconds()) / float64(c.Pushes)
		result.MaxRSS = usage.Maxrss
	}
	return result.print(c.JSON, io.out)
}

type discard struct{}

// Write implements io.Writer.
func (discard) Write(p []byte) (int, error) { return len(p), nil }

// addDatabase names another database in a configuration.
func addDatabase(file, uri string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "dataSource {\n    default () {\n        uri = '%s'\n    }\n}\n", uri)
	return errors.Join(err, f.Close())
}

// startMeasured starts the program as a process; what it logs from warnings on
// is shown.
func startMeasured(ctx context.Context, home string, w io.Writer) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the program: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, "run", "--home", home, filepath.Join(home, "config.tdsl"))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	log, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the program: %w", err)
	}
	go func() { // ends with the process's standard error
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if !strings.Contains(lines.Text(), "level=INFO") {
				fmt.Fprintln(w, lines.Text())
			}
		}
	}()
	return cmd, nil
}

// measure registers the devices and publishes.
func (c *benchCommand) measure(ctx context.Context, d *demo) (*benchResult, error) {
	if err := d.server.Wait(limit(ctx, 10*time.Second), demoDomain, 1); err != nil {
		return nil, err
	}
	r := &benchResult{Accounts: c.Accounts, Pushes: c.Pushes, Window: c.Window, Latency: c.Latency, Answers: map[string]int{}}
	nodes := make([]string, c.Accounts)
	began := time.Now()
	err := inParallel(min(c.Window, 64), c.Accounts, func(i int) error {
		form := demoForm("register-device", demoAPNs, fmt.Sprintf("%064x", i), "")
		e, err := request(ctx, d.server, fmt.Sprintf("r%d", i), fmt.Sprintf("u%d@example.com/p", i), form)
		if err != nil {
			return err
		}
		_, rest, _ := strings.Cut(string(e.Payload), `var="node" type="text-single"><value>`)
		nodes[i], _, _ = strings.Cut(rest, "<")
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("register devices: %w", err)
	}
	r.Registered = float64(c.Accounts) / time.Since(began).Seconds()
	took := make([]time.Duration, c.Pushes)
	var mu sync.Mutex
	began = time.Now()
	err = inParallel(c.Window, c.Pushes, func(i int) error {
		sent := time.Now()
		e, err := request(ctx, d.server, fmt.Sprintf("p%d", i), demoServer, demoPublish(nodes[i%c.Accounts], demoMessage))
		if err != nil {
			return err
		}
		took[i] = time.Since(sent)
		mu.Lock()
		r.Answers[e.Type]++
		mu.Unlock()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	r.Seconds = time.Since(began).Seconds()
	r.Rate = float64(c.Pushes) / r.Seconds
	r.Arrived = len(d.apns.Pushes())
	slices.Sort(took)
	at := func(percent int) time.Duration { return took[(len(took)-1)*percent/100] }
	r.P50, r.P95, r.P99, r.Max = at(50), at(95), at(99), took[len(took)-1]
	return r, nil
}

func request(ctx context.Context, s *exttest.Server, id, from, payload string) (*xmpp.Element, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
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

// print shows the result.
func (r *benchResult) print(asJSON bool, w io.Writer) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	round := func(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
	_, err := fmt.Fprintf(w, "%d pushes for %d accounts, %d at a time, APNs answering in %v\n"+
		"  %.0f pushes/s, %.0f µs CPU each, start and %d registrations (%.0f/s) included\n"+
		"  latency p50 %v, p95 %v, p99 %v, max %v\n"+
		"  peak RSS %.1f MB\n"+
		"  answers %v, arrived at APNs %d\n",
		r.Pushes, r.Accounts, r.Window, r.Latency, r.Rate, r.CPU, r.Accounts, r.Registered,
		round(r.P50), round(r.P95), round(r.P99), round(r.Max), float64(r.MaxRSS)/1024, r.Answers, r.Arrived)
	return err
}
