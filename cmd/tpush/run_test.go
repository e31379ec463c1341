package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
)

// TestStoppedWhileStarting: a stop before the start is done is no failure.
func TestStoppedWhileStarting(t *testing.T) {
	h := newHouse(t)
	h.stop()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	before := len(h.log.String())
	r := &runCommand{source: source{Home: h.home, File: filepath.Join(h.home, "config.tdsl")}, LogFormat: "text"}
	if err := r.serve(ctx, &h.log); err != nil {
		t.Errorf("error %v", err)
	}
	if text := h.log.String()[before:]; strings.Contains(text, "cannot start") || !strings.Contains(text, "told to stop") {
		t.Errorf("the log says %s", text)
	}
}
