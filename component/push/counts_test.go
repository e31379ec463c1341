package push

import (
	"fmt"
	"testing"

	"github.com/tpush/tpush/component/stats"
)

// TestReasonsAreBounded lets a push service make words up: only so many are told
// apart, and none is lost.
func TestReasonsAreBounded(t *testing.T) {
	set := stats.New("push")
	r := &reasonCounts{known: map[[2]string]*stats.Counter{}, counter: func(outcome, reason string) *stats.Counter {
		return set.Counter(stats.Desc{Name: outcome + reason, Metric: "pushes_total", Labels: []stats.Label{{Name: "reason", Value: reason}}})
	}}
	const pushes = 1000
	for i := range pushes {
		r.of(pushFailed, fmt.Sprint("made up ", i)).Inc()
	}
	all, sum := set.Samples(), 0.0
	for _, s := range all {
		sum += s.Value
	}
	if len(all) != maxReasons+1 || sum != pushes {
		t.Errorf("%d series with %v pushes, want %d with %d", len(all), sum, maxReasons+1, pushes)
	}
}
