package main

import (
	"context"
	"os"
	"runtime/debug"
	"time"
)

const (
	// settleTime is how long after the start what only that needed is given back.
	settleTime = 3 * time.Second
	// gcPercent is how much the heap grows, in per cent of what lives, before
	// garbage is collected. What lives here is little: collecting less often costs
	// few megabytes and saves time.
	gcPercent = 200
)

// tuneCollector sets how often garbage is collected, unless the environment says
// so.
func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// settle gives memory back when the program has started: reading a configuration
// and setting up libraries takes more of it than serving pushes does.
func settle(ctx context.Context) {
	t := time.NewTimer(settleTime)
	defer t.Stop()
	select {
	case <-t.C:
		debug.FreeOSMemory()
		forgetProgramPages()
	case <-ctx.Done():
	}
}
