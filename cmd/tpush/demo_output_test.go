package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
)

// TestDemoOutput is about outputs that end early: the exit code tells it, and
// nothing is left behind.
func TestDemoOutput(t *testing.T) {
	gone, closed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer closed.Close()
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for name, tc := range map[string]struct {
		out  io.Writer
		want string // on standard error
	}{
		"full disk":           {full, "tpush: write the steps: "},
		"reader gone":         {closed, ""},
		"full after 3 writes": {&shortWriter{left: 3, then: full}, "tpush: write the steps: "},
	} {
		for _, args := range [][]string{{"demo"}, {"demo", "--json"}, {"demo", "--stay"}} {
			temporary := t.TempDir()
			t.Setenv("TMPDIR", temporary)
			var errs bytes.Buffer
			if code := run(args, streams{tc.out, &errs}); code != exitFailed {
				t.Errorf("%s, %q: exit code %d", name, args, code)
			}
			if text := errs.String(); !strings.HasPrefix(text, tc.want) || tc.want == "" && text != "" {
				t.Errorf("%s, %q: it says %q", name, args, text)
			}
			left, err := os.ReadDir(temporary)
			if err != nil || len(left) > 0 {
				t.Errorf("%s, %q: left behind: %v %v", name, args, left, err)
			}
		}
	}
}

// shortWriter takes some writes, then passes them on.
type shortWriter struct {
	left int
	then io.Writer
}

// Write implements [io.Writer].
func (w *shortWriter) Write(p []byte) (int, error) {
	if w.left > 0 {
		w.left--
		return len(p), nil
	}
	return w.then.Write(p)
}
