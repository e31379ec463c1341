package push

import (
	"sync"
	"time"
)

const (
	quietTime = time.Minute
	maxQuiet  = 1000
)

// quiet keeps a kind of log line from filling the log: each key is let through
// once a minute, with the number of lines held back since.
type quiet struct {
	mu   sync.Mutex
	last map[string]*held
}

type held struct {
	when  time.Time
	count int
}

// let reports whether a line may be written, and how many like it were not.
func (q *quiet) let(key string, now time.Time) (ok bool, before int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.last == nil || len(q.last) >= maxQuiet {
		q.last = map[string]*held{}
	}
	h := q.last[key]
	if h == nil {
		q.last[key] = &held{when: now}
		return true, 0
	}
	if now.Sub(h.when) < quietTime {
		h.count++
		return false, 0
	}
	before = h.count
	*h = held{when: now}
	return true, before
}
