//go:build linux

// Command chaos puts the program under fire: it runs tpush between a database,
// an XMPP server and simulators of APNs and FCM, breaks one after the other in
// an order that a seed gives, while publishes come at a steady rate, and judges
// at the end whether each publish had one true outcome and no registration was
// lost. Run it as root on Linux: it makes a namespace of its own for the disk
// that it fills and the DNS that it breaks.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// inside is in the environment of the process in the namespace.
const inside = "TPUSH_CHAOS_INSIDE"

// options are the command's.
type options struct {
	seed     uint64
	minutes  float64
	rate     float64
	database string
	binary   string
	keep     string
	only     string
	calm     bool
	programs int
}

func main() {
	log.SetFlags(log.Ltime)
	var o options
	flag.Uint64Var(&o.seed, "seed", 0, "order and lengths of the faults (0: a new one, which is printed)")
	flag.Float64Var(&o.minutes, "minutes", 5, "how long faults go on")
	flag.Float64Var(&o.rate, "rate", 100, "publishes a second")
	flag.StringVar(&o.database, "database", "mysql", "mysql (a MariaDB of its own), galera (a cluster of three) or sqlite")
	flag.IntVar(&o.programs, "programs", 1, "how many programs work on the database, each with an XMPP server of its own")
	flag.StringVar(&o.binary, "binary", "", "program to test (default: it is built)")
	flag.StringVar(&o.keep, "keep", "", "folder for the program's log")
	flag.StringVar(&o.only, "only", "", "these faults alone, by their names with commas between")
	flag.BoolVar(&o.calm, "soak", false, "no faults: publish at seven tenths of what the program can do, and see whether it takes more and more")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if os.Getenv(inside) == "" {
		os.Exit(outside(ctx))
	}
	if err := o.run(ctx); err != nil {
		log.Fatal("chaos: ", err)
	}
}

// outside runs this program in a mount namespace.
func outside(ctx context.Context) int {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", os.Args[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return max(1, exit.ExitCode())
	}
	log.Print("chaos: needs root on Linux: ", err)
	return 2
}

// report is what is printed at the end.
type report struct {
	Seed          uint64              `json:"seed"`
	Database      string              `json:"database"`
	Faults        map[string][]string `json:"faults"` // how long it took until all was well again
	Users         map[string]int      `json:"users"`
	Registrations map[string]int      `json:"registrations"` // looked for at the end
	Before        level               `json:"before"`
	After         level               `json:"after"`
	Verdict       *verdict            `json:"verdict"`
}

func (o *options) run(ctx context.Context) error {
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	log.Printf("seed %d, %s, %v publishes a second for %v minutes", o.seed, o.database, o.rate, o.minutes)
	if o.binary == "" {
		dir, err := os.MkdirTemp("", "tpush-chaos-bin-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.binary = filepath.Join(dir, "tpush")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", o.binary, "./cmd/tpush").CombinedOutput(); err != nil {
			return fmt.Errorf("build tpush (run this in the project's folder): %w: %s", err, out)
		}
	}
	b := new(lab)
	defer b.close()
	if o.keep != "" {
		defer b.keep(o.keep)
	}
	if err := b.open(ctx, o.binary, o.database, o.programs); err != nil {
		return err
	}
	if o.calm {
		return o.soak(ctx, b)
	}
	r, err := o.campaign(ctx, b)
	if err != nil {
		return err
	}
	e := json.NewEncoder(os.Stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return err
	}
	return r.failure(b)
}

// keep copies the logs, whether or not all went well.
func (b *lab) keep(folder string) {
	for _, p := range b.processes() {
		data, err := os.ReadFile(p.log)
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, filepath.Base(p.log)), data, 0o600)
		}
		if err != nil {
			log.Print("keep the log: ", err)
		}
	}
}

// campaign lets faults happen until the time is up. From six tenths of it on, no
// program is killed, so that what this one takes can be compared.
func (o *options) campaign(ctx context.Context, b *lab) (*report, error) {
	l := &load{lab: b, oracle: newOracle(), rng: rand.New(rand.NewPCG(o.seed, 2)), rate: o.rate}
	l.watch()
	for range 150 {
		l.newDevice()
	}
	if l.users.refused > 0 {
		return nil, errors.New("the program refuses to register devices")
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.run(running)
	}()
	defer func() {
		stop()
		<-done
	}()
	if err := until(ctx, 30*time.Second, "publishes are answered", func() bool { return l.flowing(50) }); err != nil {
		return nil, err
	}
	r := &report{Seed: o.seed, Database: o.database, Faults: map[string][]string{}}
	all := faults(len(b.databases))
	if o.only != "" {
		all = slices.DeleteFunc(all, func(f fault) bool { return !slices.Contains(strings.Split(o.only, ","), f.name) })
	}
	rng := rand.New(rand.NewPCG(o.seed, 0))
	whole := time.Duration(o.minutes * float64(time.Minute))
	if err := o.strikes(ctx, l, r, all, rng, whole*6/10); err != nil {
		return nil, err
	}
	var err error
	l.crowd()
	if r.Before, err = b.level(ctx); err != nil {
		return nil, err
	}
	if o.only == "" {
		all = slices.DeleteFunc(all, func(f fault) bool { return f.kills })
	}
	if err := o.strikes(ctx, l, r, all, rng, whole*4/10); err != nil {
		return nil, err
	}
	if err := r.levelOff(ctx, l); err != nil {
		return nil, err
	}
	stop()
	<-done
	if err := r.audit(ctx, l); err != nil {
		return nil, err
	}
	for _, i := range b.instances {
		if err := i.program.stop(stopLimit); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// strikes lets faults happen in random order, each as often as the others, for
// a time.
func (o *options) strikes(ctx context.Context, l *load, r *report, all []fault, rng *rand.Rand, whole time.Duration) error {
	calm := time.Now()
	for end := time.Now().Add(whole); time.Now().Before(end); {
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for i := range all {
			if time.Now().After(end) {
				break
			}
			wait(ctx, 2*time.Second)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			f := &all[i]
			if !f.harmless() {
				l.calmSince(calm)
			}
			log.Print(f.name)
			took, err := l.strike(ctx, f, rng, 90*time.Second)
			if err != nil {
				return err
			}
			if !f.harmless() {
				calm = time.Now()
			}
			r.Faults[f.name] = append(r.Faults[f.name], took.Round(10*time.Millisecond).String())
		}
	}
	l.calmSince(calm)
	return nil
}
