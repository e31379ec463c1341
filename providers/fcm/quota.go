package fcm

import (
	"sync"
	"time"
)

// Google takes 600,000 messages a minute for a project (Google, "Throttling and
// quotas"). A burst and what flows after it are together no more than that in
// any minute.
const (
	perMinute = 600_000
	burst     = 6_000
	interval  = time.Minute / (perMinute - burst)
)

// longestTurn is how long a message waits for its turn; when it would be longer,
// the caller is told how long.
const longestTurn = time.Second

// Quotas keep the messages of all providers in a process within what Google
// takes for each project. Several providers may send for one.
type Quotas struct {
	mu       sync.Mutex
	projects map[string]*quota
}

// NewQuotas returns quotas of which nothing is used.
func NewQuotas() *Quotas { return &Quotas{projects: map[string]*quota{}} }

// of returns the quota of a project.
func (q *Quotas) of(project string) *quota {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.projects[project] == nil {
		q.projects[project] = new(quota)
	}
	return q.projects[project]
}

// quota is that of one project: a clock that each message sets forward and that
// may go ahead of the time by a burst.
type quota struct {
	mu    sync.Mutex
	clock time.Time
	held  time.Time // Google has asked to send nothing until then
}

// take counts a message and returns how long it has to wait. When that is longer
// than longestTurn, it was not counted, and is not to be sent.
func (q *quota) take(now time.Time) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	clock := q.clock
	if clock.Before(now) {
		clock = now
	}
	wait := max(0, clock.Add(interval).Sub(now)-burst*interval, q.held.Sub(now))
	if wait <= longestTurn {
		q.clock = clock.Add(interval)
	}
	return wait
}

// hold lets nothing pass for a while, as Google asks for when a project has used
// its quota up.
func (q *quota) hold(until time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if until.After(q.held) {
		q.held = until
	}
}
