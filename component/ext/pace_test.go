package ext

import (
	"testing"
	"time"
)

func TestPauses(t *testing.T) {
	between := func(what string, d, low, high time.Duration) {
		t.Helper()
		if d < low || d > high {
			t.Errorf("%s: a pause of %v, want %v to %v", what, d, low, high)
		}
	}
	p := defaultPace
	o := outage{pace: &p}
	between("first attempt", o.pause(), 0, 0)
	o.failed("refused")
	between("second attempt", o.pause(), time.Second, 2*time.Second)
	o.since = time.Now().Add(-10 * time.Minute)
	between("after ten minutes", o.pause(), 20*time.Second, 41*time.Second)
	o.since = time.Now().Add(-24 * time.Hour)
	between("after a day", o.pause(), 30*time.Second, time.Minute)

	// Tigase drops the first connection some seconds after its start.
	o.lost(3 * time.Second)
	between("a stream that lived is lost", o.pause(), 0, 0)
	o.lost(10 * time.Millisecond)
	between("one that hardly lived is lost after another", o.pause(), time.Second, 2*time.Second)

	o = outage{pace: &p}
	o.lost(10 * time.Millisecond)
	between("one that hardly lived is lost for the first time", o.pause(), 0, 0)

	o.conflict(time.Hour)
	between("another instance took over", o.pause(), time.Minute, 70*time.Second)
	o.conflict(0)
	between("another instance is there", o.pause(), time.Second, 2*time.Second)
	o.since = time.Now().Add(-time.Hour)
	o.conflict(0)
	between("it has been there for an hour", o.pause(), 5*time.Second, 10*time.Second)
}

func TestFailuresAreToldOnce(t *testing.T) {
	o := outage{pace: &defaultPace}
	if !o.failed("refused") || o.failed("refused") || !o.failed("wrong secret") {
		t.Error("a failure is news when it differs from the last")
	}
	o.lost(time.Minute)
	if !o.failed("refused") {
		t.Error("a failure is news in a new outage")
	}
}

// A stream on which nothing ever came is borne longer each time; one that was
// answered before is not.
func TestPatience(t *testing.T) {
	o := outage{pace: &defaultPace}
	for _, want := range []time.Duration{75 * time.Second, 150 * time.Second, 300 * time.Second} {
		if got := o.patience(); got != want {
			t.Errorf("patience %v, want %v", got, want)
		}
		o.heard(false)
		o.lost(time.Hour)
	}
	for range 10 {
		o.heard(false)
	}
	if got := o.patience(); got != 40*time.Minute {
		t.Errorf("patience %v in the end, want 40m", got)
	}
	o.heard(true)
	if got := o.patience(); got != 75*time.Second {
		t.Errorf("patience %v after an answer, want 75s", got)
	}
}
