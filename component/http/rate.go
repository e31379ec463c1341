package http

import (
	"sync"
	"time"
)

// maxKeys bounds what a rate remembers. Those beyond share one count with a
// limit of crowd times that of one: many attackers slow each other, and memory
// stays as it is.
const (
	maxKeys = 10_000
	crowd   = 100
)

// rate lets each key do something a number of times a minute. It weighs the
// minute before by what is left of it, so that there is no burst at the border
// of two.
type rate struct {
	perMinute int // 0: no limit

	mu          sync.Mutex
	minute      int64
	before, now map[string]int
}

func newRate(perMinute int) *rate { return &rate{perMinute: perMinute, now: map[string]int{}} }

// allow counts one more and reports whether it is within the limit.
func (r *rate) allow(key string, at time.Time) bool {
	if r.perMinute <= 0 {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(at.Unix() / 60)
	limit := r.perMinute
	if _, known := r.now[key]; !known && len(r.now) >= maxKeys {
		key, limit = "", limit*crowd
	}
	left := 60 - at.Unix()%60
	if r.now[key]+int(int64(r.before[key])*left/60) >= limit {
		return false
	}
	r.now[key]++
	return true
}

// turn makes the page that of a minute.
func (r *rate) turn(minute int64) {
	switch minute - r.minute {
	case 0:
		return
	case 1:
		r.before = r.now
	default:
		r.before = nil
	}
	r.minute, r.now = minute, map[string]int{}
}
