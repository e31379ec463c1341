package ext

import (
	"context"
	"math/rand/v2"
	"time"
)

// pace holds the times of reconnecting, probing and looking for items.
type pace struct {
	settle   time.Duration // how long a first connection lives before a second is tried
	lived    time.Duration // a stream that lived so long is always reconnected at once
	pause    time.Duration // between attempts at first
	maxPause time.Duration // between attempts in the end
	conflict time.Duration // after another instance took the connection over
	probe    time.Duration // between probes of a silent stream
	silence  time.Duration // a stream silent for so long is given up
	lists    time.Duration // between readings of the lists
}

var defaultPace = pace{
	settle: 30 * time.Second, lived: time.Second, pause: time.Second, maxPause: time.Minute,
	conflict: time.Minute, probe: 45 * time.Second, silence: 75 * time.Second, lists: 30 * time.Second,
}

// outageShare is the part of an outage's length that the pause between two
// attempts may reach: a server that was away for half a minute is found again
// within two seconds, one that was away for an hour is asked once a minute.
const outageShare = 30

// outage paces the attempts to have a connection again.
type outage struct {
	pace  *pace
	since time.Time     // of the first attempt that failed; zero: none failed
	quick bool          // the last attempt was made at once
	wait  time.Duration // before the next attempt, where an event sets it
	told  string        // the last failure that was logged
	deaf  int           // streams in a row on which nothing ever came
}

// pause is how long to wait before the next attempt: nothing at first, spread
// later, so that instances and connections never act in step.
func (o *outage) pause() time.Duration {
	if d := o.wait; d > 0 {
		o.wait = 0
		return d
	}
	if o.since.IsZero() {
		return 0
	}
	d := min(max(o.pace.pause, time.Since(o.since)/outageShare), o.pace.maxPause/2)
	return d + rand.N(d)
}

// lost notes that a stream ended. The next attempt is made at once: servers drop
// connections when they have just started (Tigase, 2–4 s after), and when their
// list of components changes. Not twice for streams that hardly lived.
func (o *outage) lost(lived time.Duration) {
	again := o.quick && lived < o.pace.lived
	*o = outage{pace: o.pace, quick: true, deaf: o.deaf}
	if again {
		o.since = time.Now()
	}
}

// patience is how long a stream may be silent. Behind a Tigase server that
// balances by the receiver, one connection of a domain gets everything, also the
// answers to the probes of the others: a stream on which nothing ever came is
// given up more and more rarely.
func (o *outage) patience() time.Duration { return o.pace.silence << min(o.deaf, maxDeaf) }

// maxDeaf bounds how often patience doubles: to 40 minutes.
const maxDeaf = 5

// heard notes whether anything came on a stream that has ended of silence.
func (o *outage) heard(anything bool) {
	if anything {
		o.deaf = 0
	} else {
		o.deaf++
	}
}

// failed notes that no stream came about, and reports whether the reason is new.
func (o *outage) failed(reason string) (news bool) {
	if o.since.IsZero() {
		o.since = time.Now()
	}
	news = reason != o.told
	o.told = reason
	return news
}

// conflict notes that another instance has the connection. One that took it
// over is left alone for long: two that both come back at once would throw each
// other out for ever. One that was there first is waited for in short steps.
func (o *outage) conflict(lived time.Duration) (news bool) {
	if lived > 0 {
		*o = outage{pace: o.pace, wait: o.pace.conflict + rand.N(o.pace.conflict/10+1)}
		return true
	}
	news = o.failed("conflict")
	d := min(max(o.pace.pause, time.Since(o.since)/outageShare), standby*o.pace.pause)
	o.wait = d + rand.N(d)
	return news
}

// standby is how many first pauses a process in waiting lets pass at most.
const standby = 5

// sleep waits; false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// spread varies a duration by up to a tenth.
func spread(d time.Duration) time.Duration {
	return d + rand.N(d/10+1)
}
