package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tpush/tpush/component/ext/exttest"
)

// benchCommand measures the program, in a process of its own, under the load of
// a server that publishes for many accounts. The server is in this process;
// Apple and Google are simulated in a third.
type benchCommand struct {
	Accounts int               `help:"Accounts with a device each." default:"1000"`
	Pushes   int               `help:"Publishes in all." default:"20000"`
	Warm     int               `help:"Publishes before them that are not measured (-1: one for each account)." default:"-1"`
	Window   int               `help:"Publishes that wait for their answer at a time." default:"256"`
	Rate     float64           `help:"Publishes a second, offered whether or not answers come; latency then counts from the time when one was due (0: as fast as the window allows)." default:"0"`
	Mix      map[string]int    `help:"Shares of the kinds plain, encrypted, call, empty." default:"plain=1" mapsep:","`
	Latency  time.Duration     `help:"How long APNs takes for an answer." default:"0s"`
	Refuse   int               `help:"APNs answers one push of so many with 503 (0: none)." default:"0"`
	Database string            `help:"JDBC URI of the database (default: SQLite in a new file)." placeholder:"URI"`
	Stored   int               `help:"Devices that the database holds already, as scripts/bench/fill wrote them: publishes go to them in no order, and nobody registers." default:"0"`
	Rounds   int               `help:"How often to measure; programs take turns." default:"1"`
	Against  map[string]string `help:"Other programs to measure in turn with this one (see scripts/bench)." placeholder:"NAME=PATH" mapsep:","`
	Profile  string            `help:"Write a CPU profile of this program's last round to a file (see go tool pprof)." placeholder:"FILE"`
	JSON     bool              `name:"json" help:"Print the result as JSON."`
}

// benchReport is what the command prints.
type benchReport struct {
	Options  map[string]any            `json:"options"`
	Programs map[string][]*benchResult `json:"programs"` // by name, a result for each round
	order    []string
}

// Run implements the command.
func (c *benchCommand) Run(ctx context.Context, io streams) error {
	ctx, stop := signalled(ctx)
	defer stop()
	kinds, err := mixOf(c.Mix)
	switch {
	case err != nil:
		return err
	case c.Accounts < 1 || c.Pushes < 1 || c.Window < 1 || c.Rounds < 1:
		return errors.New("accounts, pushes, window and rounds are 1 or more")
	case c.Rate < 0 || c.Refuse < 0 || c.Latency < 0:
		return errors.New("rate, refuse and latency are 0 or more")
	case c.Stored < 0 || c.Stored > 0 && (c.Database == "" || len(c.Against) > 0):
		return errors.New("stored devices are in a database: name it with --database, and no other programs")
	case len(c.Against) > 0 && (len(c.Mix) != 1 || c.Mix["plain"] == 0):
		return errors.New("other programs know only plain messages: leave out --mix")
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program: %w", err)
	}
	report := &benchReport{Programs: map[string][]*benchResult{}, order: append([]string{"tpush"}, slices.Sorted(maps.Keys(c.Against))...),
		Options: map[string]any{"accounts": c.Accounts, "stored": c.Stored, "pushes": c.Pushes, "window": c.Window, "rate": c.Rate, "mix": c.Mix, "latency": c.Latency.String(), "refuse": c.Refuse}}
	for round := range c.Rounds {
		for _, name := range report.order {
			b := &benchRun{benchCommand: c, self: self, program: c.Against[name], kinds: kinds, log: io.err}
			result, err := b.measure(ctx)
			if err != nil {
				return fmt.Errorf("measure %s in round %d: %w", name, round+1, err)
			}
			report.Programs[name] = append(report.Programs[name], result)
		}
	}
	if c.JSON {
		e := json.NewEncoder(io.out)
		e.SetIndent("", "  ")
		return e.Encode(report)
	}
	return report.print(io.out)
}

// measure does one program's part of a round: everything is new for it.
func (b *benchRun) measure(ctx context.Context) (r *benchResult, err error) {
	if b.home, err = os.MkdirTemp("", "tpush-bench-"); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	// A folder in the temporary directory that stays does no harm.
	defer func() { _ = os.RemoveAll(b.home) }()
	if b.server, err = exttest.New(exttest.Options{Secrets: map[string]string{demoDomain: demoSecret}}); err != nil {
		return nil, err
	}
	defer b.server.Close()
	sim, at, err := b.startSimulators(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if counts, stopErr := sim.stop(); r != nil {
			r.Arrived, err = counts, firstOf(err, stopErr)
		}
	}()
	subject, err := b.startSubject(ctx, at)
	if err != nil {
		return nil, err
	}
	r, err = b.load(ctx, subject.Process.Pid)
	return r, firstOf(err, stopProcess(subject))
}

// configure writes the configuration of the measured program.
func (b *benchRun) configure(at simulated) (file string, err error) {
	text := fmt.Sprintf(demoConfig, demoDomain, demoSecret, b.server.Port(), demoTopic, at.APNs, at.FCM)
	if b.Database != "" {
		text += "dataSource {\n    default () {\n        uri = '" + strings.ReplaceAll(b.Database, "'", "\\'") + "'\n    }\n}\n"
	}
	file = filepath.Join(b.home, "config.tdsl")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("write the configuration: %w", err)
	}
	return file, nil
}
