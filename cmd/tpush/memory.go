package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// gcPercent is by how much the heap may grow before it is collected. A push
// leaves so little behind that more room would save next to nothing.
const gcPercent = 75

// sparingly sets the Go runtime up for little memory, unless GOGC says otherwise.
func sparingly() {
	runtime.MemProfileRate = 0 // nobody asks for that profile, and its tables take 1.5 MB
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// settleTime is how long after the start what only that needed is given back.
const settleTime = 3 * time.Second

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
