package providers

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// ErrBusy means that a provider has as many pushes in work as it may have, and
// does not get on with them. The device is to be kept.
var ErrBusy = errors.New("too many pushes in work")

const (
	// roomWait is how long a push waits for its provider to have room.
	roomWait = 5 * time.Second
	// stalled is how long a provider may give no answer at all before nobody
	// waits for it any more: a burst is worked off, a push service that hangs
	// does not keep the pushes of another waiting.
	stalled = 2 * time.Second
)

// room bounds the pushes that a provider has in work, so that the slots for all
// are never taken by one whose push service hangs.
type room struct {
	slots chan struct{} // nil: no bound
	moved atomic.Int64  // Unix nanoseconds of the last answer
}

// enter waits for room. The error wraps [ErrBusy] when there is none in time.
func (r *room) enter(ctx context.Context) error {
	if r.slots == nil {
		return nil
	}
	select {
	case r.slots <- struct{}{}:
		if len(r.slots) == 1 {
			r.progress()
		}
		return nil
	default:
	}
	look := time.NewTicker(stalled / 8)
	defer look.Stop()
	for began := time.Now(); r.moving() && time.Since(began) < roomWait; {
		select {
		case r.slots <- struct{}{}:
			return nil
		case <-look.C:
		case <-ctx.Done():
			return &Error{Kind: Temporary, Err: ctx.Err()}
		}
	}
	return &Error{Kind: Temporary, Err: ErrBusy}
}

// leave gives the room back; answered says that the push service said something.
func (r *room) leave(answered bool) {
	if r.slots == nil {
		return
	}
	if answered {
		r.progress()
	}
	<-r.slots
}

func (r *room) progress() { r.moved.Store(time.Now().UnixNano()) }

func (r *room) moving() bool { return time.Since(time.Unix(0, r.moved.Load())) < stalled }
