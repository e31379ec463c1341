package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDebugTellsPushes runs the demo's steps with debug = [ 'push' ] and looks
// for the lines of accepted pushes where the manual promises them.
func TestDebugTellsPushes(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d := &demo{line: &timeline{out: io.Discard}}
	t.Cleanup(d.close)
	if err := d.open(false); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(d.home, "config.tdsl")
	config, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, append([]byte("debug = [ 'push' ]\n"), config...), 0o600); err != nil {
		t.Fatal(err)
	}
	console := &log{}
	program := &runCommand{source: source{File: name, Home: d.home}, LogFormat: formatText, Drain: time.Second}
	ended := make(chan error, 1)
	go func() { ended <- program.serve(ctx, console) }()
	if err := d.server.Wait(limit(ctx, 10*time.Second), demoDomain, 1); err != nil {
		t.Fatalf("%v\n%s", err, console)
	}
	d.steps(ctx)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	file, err := os.ReadFile(filepath.Join(d.home, "logs", "tpush.log.0"))
	if err != nil {
		t.Fatal(err)
	}
	if text := console.String(); strings.Count(text, `msg="push accepted" bean=push/`+demoAPNs) != 3 || !strings.Contains(text, "level=DEBUG msg=push bean=push/"+demoFCM) {
		t.Errorf("console:\n%s", text)
	}
	if text := string(file); strings.Count(text, "[push/"+demoAPNs+" ] Provider.debug(): push accepted") != 3 || !strings.Contains(text, "[   push/"+demoFCM+" ] Provider.Push(): push") {
		t.Errorf("file:\n%s", text)
	}
}
