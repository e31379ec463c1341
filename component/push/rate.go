package push

import (
	"sync"
	"time"
)

// maxSenders is how many senders are told apart in a minute; more are not
// limited, as each would need memory.
const maxSenders = 100_000

// rate limits how often somebody may do something in a minute of the clock. Its
// zero value has no limit.
type rate struct {
	limit  int // 0: none
	mu     sync.Mutex
	minute int64
	count  map[string]int
}

// let reports whether somebody may do it once more.
func (r *rate) let(who string, at time.Time) bool {
	if r.limit == 0 {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := at.Unix() / 60; m != r.minute || r.count == nil {
		r.minute, r.count = m, map[string]int{}
	}
	if r.count[who] >= r.limit {
		return false
	}
	if _, known := r.count[who]; known || len(r.count) < maxSenders {
		r.count[who]++
	}
	return true
}
