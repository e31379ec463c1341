//go:build !race

// Under the race detector, pools forget some of what they hold, on purpose: what
// is allocated is exact without it only.

package apns

import (
	"testing"
	"time"
)

// TestAllocations holds what a push may allocate before it is sent: the alert's
// text, and that of its expiration.
func TestAllocations(t *testing.T) {
	s := style{topic: topic, alertText: "New message!", expiration: time.Hour}
	to, n, now := target(), plain(), time.Now()
	c, m := &client{}, new(message)
	compose := testing.AllocsPerRun(200, func() { s.compose(m, &to, &n, now) })
	c.done(c.exchange(m))
	headers := testing.AllocsPerRun(200, func() {
		x := c.exchange(m)
		x.headers()
		c.done(x)
	})
	if compose > 1 || headers > 1 {
		t.Errorf("composing allocates %.0f times, at most 1; the headers %.0f times, at most 1", compose, headers)
	}
}
