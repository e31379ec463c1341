package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"sync/atomic"
	"time"
)

// measuredCommand is the program itself, which tells what it has used so far
// each time that it is asked: at the beginning and at the end of a measurement.
type measuredCommand struct {
	runCommand
	Profile string `help:"Write a CPU profile of the time between the first two questions to a file." placeholder:"FILE"`
}

// measured is what it tells.
type measured struct {
	Goroutines int64  `json:"goroutines"` // at most since it was asked the last time
	Mallocs    uint64 `json:"mallocs"`
	Bytes      uint64 `json:"bytes"`
	GCs        uint32 `json:"gcs"`
}

// Run implements the command.
func (c *measuredCommand) Run(ctx context.Context, io streams) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var goroutines atomic.Int64
	go func() {
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
				goroutines.Store(max(goroutines.Load(), int64(runtime.NumGoroutine())))
			}
		}
	}()
	go func() { // ends with the input
		if err := c.tell(os.Stdin, io.out, &goroutines); err != nil {
			fmt.Fprintf(io.err, "tpush: measure: %v\n", err)
			cancel() // whoever asks must not wait for ever
		}
	}()
	return c.runCommand.Run(ctx, io)
}

// tell answers each line of the input with what was used so far.
func (c *measuredCommand) tell(in io.Reader, out io.Writer, goroutines *atomic.Int64) error {
	e := json.NewEncoder(out)
	asked := 0
	for lines := bufio.NewScanner(in); lines.Scan(); asked++ {
		if asked == 1 && c.Profile != "" {
			pprof.StopCPUProfile()
		}
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		if err := e.Encode(measured{goroutines.Swap(0), memory.Mallocs, memory.TotalAlloc, memory.NumGC}); err != nil {
			return err
		}
		if asked == 0 && c.Profile != "" {
			f, err := os.Create(c.Profile)
			if err != nil {
				return fmt.Errorf("write the profile: %w", err)
			}
			defer f.Close()
			if err := pprof.StartCPUProfile(f); err != nil {
				return fmt.Errorf("write the profile: %w", err)
			}
		}
	}
	return nil
}

// insider asks the measured program.
type insider struct {
	in  io.WriteCloser
	out *json.Decoder
}

func newInsider(cmd *exec.Cmd) (*insider, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &insider{in, json.NewDecoder(out)}, nil
}

// ask returns what the program has used so far; of another program nothing is
// known.
func (i *insider) ask() (m measured, err error) {
	if i == nil {
		return m, nil
	}
	if _, err = io.WriteString(i.in, "\n"); err == nil {
		err = i.out.Decode(&m)
	}
	if err != nil {
		return m, fmt.Errorf("ask the program what it used: %w", err)
	}
	return m, nil
}
