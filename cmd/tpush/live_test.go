package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// managerSocket plays systemd's part and returns what it is told.
func managerSocket(t *testing.T) <-chan string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 1000)
	var all sync.WaitGroup
	all.Go(func() {
		buf := make([]byte, 100)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			told <- string(buf[:n])
		}
	})
	t.Cleanup(func() { conn.Close(); all.Wait() })
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", "20000")
	t.Setenv("WATCHDOG_PID", "")
	return told
}

// waitFor reads until a text comes.
func waitFor(t *testing.T, told <-chan string, want string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case got := <-told:
			if got == want {
				return
			}
		case <-deadline:
			t.Fatalf("%s was not told", want)
		}
	}
}

// TestLive runs the program as systemd does: it is told when the program is
// ready, alive and stopping, and SIGHUP opens the log anew.
func TestLive(t *testing.T) {
	told := managerSocket(t)
	home := t.TempDir()
	file := filepath.Join(home, "config.tdsl")
	if err := os.WriteFile(file, []byte("ext () {\n active = true\n}\npush () {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var console log
	r := &runCommand{source: source{File: file, Home: home}, LogFormat: formatText, Drain: time.Second}
	done := make(chan error, 1)
	go func() { done <- r.serve(ctx, &console) }()

	waitFor(t, told, "READY=1")
	waitFor(t, told, "WATCHDOG=1")
	newest := filepath.Join(home, "logs", "tpush.log.0")
	if err := os.Rename(newest, newest+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log is opened anew", func() bool {
		text, err := os.ReadFile(newest)
		return err == nil && strings.Contains(string(text), "reloaded")
	})
	stop()
	waitFor(t, told, "STOPPING=1")
	if err := <-done; err != nil {
		t.Errorf("it ended with %v\n%s", err, console.String())
	}
}
