package ext

import (
	"log/slog"
	"sync"
	"time"
)

// bounds say how many requests are in work and how many wait for that.
type bounds struct {
	slots   int           // requests in work
	waiting int           // requests that wait
	bytes   int           // their payloads
	late    time.Duration // how long one waits at most
	stalled time.Duration // how long, where no request in work ends
	few     int           // so few wait when no more are turned away
	look    time.Duration // between looks at how long they wait
	silent  time.Duration // between lines in the log
}

// A burst of 10,000 publishes is worked off, not turned away.
var defaultBounds = bounds{slots: 1024, waiting: 12000, bytes: 32 << 20, late: 10 * time.Second, stalled: 5 * time.Second,
	few: 1000, look: time.Second, silent: time.Minute}

// backlog are the requests that were read and have no slot yet, in their order.
// They wait here and not in the server: ejabberd's process for a component gets
// slower the more waits for it, until answers do not pass it any more, and ends
// with more than 10,000 stanzas. Once too much waits, what finds no slot at once
// is turned away until little does: so nobody waits long for ever.
type backlog struct {
	bounds
	log *slog.Logger

	mu       sync.Mutex
	working  int   // slots in use
	jobs     []job // waiting
	size     int   // of their payloads
	moved    time.Time
	looking  bool
	shedding bool      // requests that find no slot are turned away
	since    time.Time // when that began
	told     time.Time // when it was logged
	turned   int       // requests turned away
	before   int       // of them, those that were logged
}

// place is what becomes of a request that has come.
type place int

const (
	starts place = iota // it has a slot
	waits
	turnedAway
)

// enter gives a request a slot, or lets it wait.
func (b *backlog) enter(j job) place {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.working < b.slots {
		b.working++
		b.moved = j.came
		return starts
	}
	if !b.shedding && (len(b.jobs) >= b.waiting || b.size+len(j.q.Payload) > b.bytes) {
		b.begin(j.came)
	}
	if b.shedding {
		b.turned++
		return turnedAway
	}
	b.jobs = append(b.jobs, j)
	b.size += len(j.q.Payload)
	if !b.looking {
		b.looking = true
		time.AfterFunc(b.look, b.lookAgain)
	}
	return waits
}

// work is how many requests are in work.
func (b *backlog) work() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.working
}

// leave ends a request's work. Its slot goes to the one that waits longest.
func (b *backlog) leave() (next job, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.moved = time.Now()
	if b.shedding && len(b.jobs) <= b.few {
		b.end()
	}
	if len(b.jobs) == 0 {
		b.working--
		return job{}, false
	}
	return b.pop(), true
}

func (b *backlog) pop() job {
	j := b.jobs[0]
	b.jobs[0] = job{} // nothing is kept by what is behind the slice
	b.jobs = b.jobs[1:]
	b.size -= len(j.q.Payload)
	return j
}

// lookAgain turns away those that wait too long, now and later.
func (b *backlog) lookAgain() {
	for _, j := range b.overdue(time.Now()) {
		j.link.turnAway(j)
		j.link.workers.under.Done()
	}
}

// overdue takes out the requests that have waited too long, or that nobody waits
// for any more, and has somebody look again while there are others.
func (b *backlog) overdue(now time.Time) (out []job) {
	b.mu.Lock()
	defer b.mu.Unlock()
	limit := b.late
	if now.Sub(b.moved) >= b.stalled {
		limit = b.stalled
	}
	for len(b.jobs) > 0 && (now.Sub(b.jobs[0].came) >= limit || b.jobs[0].ctx.Err() != nil) {
		if !b.shedding {
			b.begin(now)
		}
		b.turned++
		out = append(out, b.pop())
	}
	if b.looking = len(b.jobs) > 0; b.looking {
		time.AfterFunc(b.look, b.lookAgain)
	}
	return out
}

// begin begins to turn away what finds no slot.
func (b *backlog) begin(now time.Time) {
	b.shedding, b.since = true, now
	if now.Sub(b.told) >= b.silent {
		b.told = now
		b.log.Warn("more comes than can be pushed: what finds no place is answered as a passing failure",
			"waiting", len(b.jobs), "oldest", now.Sub(b.jobs[0].came).Round(time.Millisecond))
	}
}

// end ends that. It is logged where its beginning was, with all that were turned
// away since the last such line.
func (b *backlog) end() {
	if b.told.Equal(b.since) {
		b.log.Info("what comes can be pushed again", "turned-away", b.turned-b.before, "dur", b.moved.Sub(b.since).Round(time.Millisecond))
		b.before = b.turned
	}
	b.shedding = false
}
