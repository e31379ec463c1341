package main

import (
	"context"
	"runtime/debug"
	"time"
)

const (
	// settleTime is how long after the start what only that needed is given back.
	settleTime = 3 * time.Second
	// pagesTime is how long code that was used once stays in memory. What is in use
	// comes back out of the kernel's cache.
	pagesTime = 20 * time.Second
)

// settle gives memory back when the program has started: reading a configuration
// and setting up libraries takes more of it than serving pushes does. Later it
// does the same for what was used in passing, such as a command's code.
func settle(ctx context.Context) {
	t := time.NewTimer(settleTime)
	defer t.Stop()
	select {
	case <-t.C:
		debug.FreeOSMemory()
	case <-ctx.Done():
		return
	}
	for {
		forgetProgramPages()
		t.Reset(pagesTime)
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}
