// Command apns measures what a push through the APNs provider costs, beside the
// bare round trip of the same request with the transport of golang.org/x/net and
// with our own. Apple is simulated in a process of its own. The three take turns
// in each round, so that what else runs on the machine weighs on all.
//
//	go run ./scripts/bench/apns [-rounds 5] [-n 20000]
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tpush/tpush/providers/apns/apnstest"
)

const topic = "com.example.app"

func main() {
	log.SetFlags(0)
	serve := flag.String("serve", "", "simulate Apple with credentials in this folder (for this program itself)")
	rounds := flag.Int("rounds", 5, "rounds")
	n := flag.Int("n", 20000, "pushes of each in a round")
	streams := flag.Int("streams", 1000, "the simulator's limit of requests on a connection")
	at := flag.Int("at", 0, "measure only with so many pushes at a time")
	connections := flag.Int("connections", 0, "measure only with so many connections")
	cold := flag.Bool("cold", false, "offer 10,000 pushes at once to a provider without a connection, instead")
	flag.Parse()
	if *serve != "" {
		if err := simulate(*serve, *streams); err != nil {
			log.Fatal(err)
		}
		return
	}
	var err error
	if *cold {
		err = coldStart()
	} else {
		err = measure(*rounds, *n, *streams, *at, *connections)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// simulate is Apple: it prints its address and ends with its input, when it
// prints what it has answered.
func simulate(home string, streams int) error {
	s, err := apnstest.NewWithLimit(streams)
	if err != nil {
		return err
	}
	defer s.Close()
	s.SetLoad(apnstest.Load{CountOnly: true})
	cred, err := s.Issue(apnstest.Certificate{UID: topic, Production: true})
	if err != nil {
		return err
	}
	text, err := cred.PEM()
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"cert.pem": text, "ca.pem": s.CA()} {
		if err := os.WriteFile(filepath.Join(home, name), data, 0o600); err != nil {
			return err
		}
	}
	fmt.Println(s.Addr())
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(outcome{s.Counts(), s.Connections()})
}

// outcome is what the simulator prints at its end.
type outcome struct {
	Answers     map[int]int // by status
	Connections int
}

// simulator is the other process.
type simulator struct {
	home, address string
	cmd           *exec.Cmd
	in            io.Closer
	out           *bufio.Reader
}

func startSimulator(streams int) (*simulator, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	home, err := os.MkdirTemp("", "tpush-bench-")
	if err != nil {
		return nil, err
	}
	s := &simulator{home: home, cmd: exec.Command(self, "-serve", home, "-streams", fmt.Sprint(streams))}
	s.cmd.Stderr = os.Stderr
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := s.out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("start the simulator: %w", err)
	}
	s.address = line[:len(line)-1]
	return s, nil
}

// stop ends it and returns what it has seen.
func (s *simulator) stop() (seen outcome, err error) {
	defer os.RemoveAll(s.home)
	if err := s.in.Close(); err != nil {
		return seen, err
	}
	if err := json.NewDecoder(s.out).Decode(&seen); err != nil {
		return seen, fmt.Errorf("read the simulator's counts: %w", err)
	}
	return seen, s.cmd.Wait()
}

// result is what one subject has cost in one round, for each push.
type result struct {
	cpu    time.Duration
	allocs float64
	rate   float64 // pushes a second
}

// run makes n pushes, so many at a time, and measures them.
func run(ctx context.Context, n, at int, push func(context.Context, int) error) (result, error) {
	var next, failed atomic.Int64
	var firstErr atomic.Pointer[error]
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	cpu, began := cpuTime(), time.Now()
	var all sync.WaitGroup
	for range at {
		all.Go(func() {
			for {
				i := int(next.Add(1))
				if i > n {
					return
				}
				if err := push(ctx, i); err != nil {
					failed.Add(1)
					firstErr.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	all.Wait()
	took, cost := time.Since(began), cpuTime()-cpu
	runtime.ReadMemStats(&after)
	if failed.Load() > 0 {
		return result{}, fmt.Errorf("%d pushes failed: %w", failed.Load(), *firstErr.Load())
	}
	return result{cost / time.Duration(n), float64(after.Mallocs-before.Mallocs) / float64(n), float64(n) / took.Seconds()}, nil
}

// cpuTime is what this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	// It fails only for a wrong argument.
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// median of the rounds, each value by itself.
func median(rs []result) result {
	pick := func(f func(result) float64) float64 {
		var v []float64
		for _, r := range rs {
			v = append(v, f(r))
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	return result{time.Duration(pick(func(r result) float64 { return float64(r.cpu) })),
		pick(func(r result) float64 { return r.allocs }), pick(func(r result) float64 { return r.rate })}
}
