package main

import (
	"context"
	"runtime/debug"
	"time"
)

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
