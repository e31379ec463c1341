package fcm

import (
	"testing"
	"time"
)

// However messages come, no minute holds more than Google takes.
func TestQuota(t *testing.T) {
	q, began := new(quota), time.Now()
	var sent []time.Time
	for now := began; now.Before(began.Add(3 * time.Minute)); now = now.Add(5 * time.Millisecond) {
		if since := now.Sub(began); since > 80*time.Second && since < 90*time.Second {
			continue // a pause, so that a burst can come after it
		}
		for range 100 {
			if q.take(now) > 0 {
				q.clock = q.clock.Add(-interval) // this one gives up
				break
			}
			sent = append(sent, now)
		}
	}
	most, from := 0, 0
	for i := range sent {
		for sent[i].Sub(sent[from]) >= time.Minute {
			from++
		}
		most = max(most, i-from+1)
	}
	if most > perMinute || most < perMinute-burst/10 {
		t.Errorf("%d messages in a minute, want up to %d", most, perMinute)
	}
}

func TestQuotaTurnsAndHold(t *testing.T) {
	q, now := new(quota), time.Now()
	for range burst {
		if wait := q.take(now); wait != 0 {
			t.Fatalf("within the burst: a wait of %v", wait)
		}
	}
	if first, second := q.take(now), q.take(now); first != interval || second != 2*interval {
		t.Errorf("after the burst: waits of %v and %v, want turns of %v", first, second, interval)
	}
	q.hold(now.Add(7 * time.Second))
	q.hold(now.Add(3 * time.Second))
	if wait := q.take(now.Add(time.Second)); wait != 6*time.Second {
		t.Errorf("a wait of %v, want the rest of Google's 7 s", wait)
	}
	if wait := q.take(now.Add(8 * time.Second)); wait != 0 {
		t.Errorf("after the pause: a wait of %v", wait)
	}
	all := NewQuotas()
	if a := all.of("a"); all.of("a") != a || all.of("b") == a {
		t.Error("a quota is not one for each project")
	}
}
