package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tpush/tpush/component/ext/exttest"
)

// benchRun is the measurement of one program in one round.
type benchRun struct {
	*benchCommand
	self    string   // this program
	program string   // the measured one; empty: this one
	kinds   []string // payloads of publishes, in turn
	log     io.Writer
	home    string
	server  *exttest.Server
	inside  *insider // nil with another program
}

// simulator is the process of the simulators.
type simulator struct {
	cmd *exec.Cmd
	in  io.Closer
	out *json.Decoder
}

// startSimulators starts them and returns where they listen.
func (b *benchRun) startSimulators(ctx context.Context) (*simulator, simulated, error) {
	cmd := exec.CommandContext(ctx, b.self, "simulate", "--home", b.home, "--latency", b.Latency.String(), "--refuse", strconv.Itoa(b.Refuse))
	cmd.Stderr = b.log
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, simulated{}, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, simulated{}, err
	}
	if err := cmd.Start(); err != nil {
		return nil, simulated{}, fmt.Errorf("start the simulators: %w", err)
	}
	s := &simulator{cmd, in, json.NewDecoder(out)}
	var at simulated
	if err := s.out.Decode(&at); err != nil {
		_, _ = s.stop()
		return nil, at, fmt.Errorf("read the simulators' addresses: %w", err)
	}
	return s, at, nil
}

// stop ends the simulators and returns how many pushes they answered with each
// status.
func (s *simulator) stop() (counts map[string]int, err error) {
	err = s.in.Close()
	if err == nil {
		err = s.out.Decode(&counts)
	}
	return counts, firstOf(err, s.cmd.Wait())
}

// startSubject starts the measured program. What it logs from warnings on is
// shown.
func (b *benchRun) startSubject(ctx context.Context, at simulated) (cmd *exec.Cmd, err error) {
	var args []string
	if b.program == "" {
		file, err := b.configure(at)
		if err != nil {
			return nil, err
		}
		args = []string{"measured", "--home", b.home, "--profile", b.Profile, file}
	} else {
		args = []string{"-server", "127.0.0.1:" + strconv.Itoa(b.server.Port()), "-domain", demoDomain, "-secret", demoSecret,
			"-apns", at.APNs, "-topic", demoTopic, "-home", b.home, "-accounts", strconv.Itoa(b.Accounts)}
	}
	cmd = exec.CommandContext(ctx, cmp.Or(b.program, b.self), args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if b.program == "" {
		if b.inside, err = newInsider(cmd); err != nil {
			return nil, err
		}
	}
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
				fmt.Fprintln(b.log, lines.Text())
			}
		}
	}()
	return cmd, nil
}

// stopProcess ends a process as an administrator would.
func stopProcess(cmd *exec.Cmd) error {
	return firstOf(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait())
}

// usage is what a process has used, as Linux's /proc tells it.
type usage struct {
	cpu     time.Duration // user and system
	rss     int64         // KiB
	peak    int64         // KiB
	threads int64
}

// usageOf reads what a process has used so far.
func usageOf(pid int) (u usage, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	// The second field is the program's name, which may hold blanks.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return u, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	for _, f := range fields[11:13] { // utime, stime in clock ticks of 10 ms
		ticks, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return u, err
		}
		u.cpu += time.Duration(ticks) * 10 * time.Millisecond
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		number, _, _ := strings.Cut(strings.TrimSpace(value), " ")
		switch name {
		case "VmRSS":
			u.rss, err = strconv.ParseInt(number, 10, 64)
		case "VmHWM":
			u.peak, err = strconv.ParseInt(number, 10, 64)
		case "Threads":
			u.threads, err = strconv.ParseInt(number, 10, 64)
		}
		if err != nil {
			return u, err
		}
	}
	return u, nil
}
