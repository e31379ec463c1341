package http

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tpush/tpush/component/stats"
)

// The last hour is kept as what the counters showed every ten seconds.
const (
	historyStep   = 10 * time.Second
	historyLength = time.Hour
	historyPoints = int(historyLength/historyStep) + 1
)

// point is what the counters showed at a time.
type point struct {
	at        time.Time
	publishes map[string]float64 // by outcome
	pushes    map[pushKey]float64
	latency   []uint64 // buckets
}

// pushKey is what pushes are counted by.
type pushKey struct{ provider, outcome, reason string }

// history is the last hour of the program.
type history struct {
	program *Program
	mu      sync.Mutex
	points  []point // the oldest first
}

// run notes the counters until ctx ends.
func (h *history) run(ctx context.Context) {
	h.note(time.Now())
	tick := time.NewTicker(historyStep)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case at := <-tick.C:
			h.note(at)
		}
	}
}

func (h *history) note(at time.Time) {
	p := h.program.point(at)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.points) == historyPoints {
		h.points = append(h.points[:0], h.points[1:]...)
	}
	h.points = append(h.points, p)
}

// until returns the points of the last hour, the last one being now.
func (h *history) until(now time.Time) []point {
	last := h.program.point(now)
	h.mu.Lock()
	defer h.mu.Unlock()
	from := now.Add(-historyLength)
	out := slices.Clone(h.points)
	for len(out) > 1 && out[1].at.Before(from) {
		out = out[1:]
	}
	// A moment is too short for a rate: what was noted just now gives way.
	for len(out) > 1 && now.Sub(out[len(out)-1].at) < historyStep/2 {
		out = out[:len(out)-1]
	}
	return append(out, last)
}

// point reads the counters.
func (p *Program) point(at time.Time) point {
	out := point{at: at, publishes: map[string]float64{}, pushes: map[pushKey]float64{}}
	for _, s := range p.samples() {
		label := map[string]string{}
		for _, l := range s.Labels {
			label[l.Name] = l.Value
		}
		switch s.Metric {
		case "publishes_total":
			out.publishes[label["outcome"]] += s.Value
		case "pushes_total":
			out.pushes[pushKey{label["provider"], label["outcome"], label["reason"]}] += s.Value
		case "push_duration_seconds":
			out.latency = addBuckets(out.latency, s.Buckets)
		}
	}
	return out
}

func addBuckets(a, b []uint64) []uint64 {
	if a == nil {
		return slices.Clone(b)
	}
	for i := range a {
		a[i] += b[i]
	}
	return a
}

// quantile is what part q of the pushes between two points took at most, in
// seconds; false when there were none.
func quantile(from, to point, q float64) (float64, bool) {
	between := slices.Clone(to.latency)
	for i := range min(len(between), len(from.latency)) {
		between[i] -= from.latency[i]
	}
	return stats.Quantile(stats.Bounds(), between, q)
}
