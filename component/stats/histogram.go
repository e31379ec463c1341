package stats

import (
	"sort"
	"strconv"
	"sync/atomic"
	"time"
)

// Bounds are the upper bounds of a [Histogram]'s buckets, in seconds: each is
// about a third more than the one before, fine enough to read a median from
// what came in ten seconds, up to the longest that a push may take.
func Bounds() []float64 {
	return []float64{.001, .0015, .002, .003, .004, .006, .008, .012, .016, .024, .032, .05, .07, .1, .14, .2, .28, .4, .56, .8, 1.1, 1.6, 2.2, 3.2, 4.5, 6.4, 9, 13, 18, 26}
}

// Histogram counts how long something takes, by length. It is for many runs at
// the same time: noting one takes no lock.
type Histogram struct {
	desc   Desc
	bounds []float64
	counts []atomic.Uint64 // one more than bounds: what is longer
	sum    atomic.Int64    // nanoseconds
}

// Histogram adds a number of durations, by length. Below the Tigase name it
// shows the median and the 99th percentile since the start.
func (s *Set) Histogram(d Desc) *Histogram {
	bounds := Bounds()
	h := &Histogram{desc: d, bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
	s.add(h)
	return h
}

// Note adds one run.
func (h *Histogram) Note(took time.Duration) {
	h.counts[sort.SearchFloat64s(h.bounds, took.Seconds())].Add(1)
	h.sum.Add(int64(took))
}

func (h *Histogram) buckets() []uint64 {
	out := make([]uint64, len(h.counts))
	for i := range h.counts {
		out[i] = h.counts[i].Load()
	}
	return out
}

func (h *Histogram) stats(time.Time) (out []Stat) {
	b := h.buckets()
	for _, p := range []struct {
		word string
		q    float64
	}{{" median [ms]", .5}, {" 99th percentile [ms]", .99}} {
		value := ""
		if q, ok := Quantile(h.bounds, b, p.q); ok {
			value = strconv.FormatFloat(q*1000, 'f', 1, 64)
		}
		out = append(out, Stat{h.desc.Name + p.word, value, h.desc.Level})
	}
	return out
}

func (h *Histogram) samples() []Sample {
	if h.desc.Metric == "" {
		return nil
	}
	s := Sample{h.desc.Metric, h.desc.Help, h.desc.Labels, KindHistogram, time.Duration(h.sum.Load()).Seconds(), h.buckets()}
	return []Sample{s}
}

// Quantile estimates, in seconds, what part q of the runs in the buckets took at
// most; false when there are none. Within a bucket runs are taken to be spread
// evenly.
func Quantile(bounds []float64, buckets []uint64, q float64) (float64, bool) {
	var all uint64
	for _, n := range buckets {
		all += n
	}
	if all == 0 {
		return 0, false
	}
	rank := q * float64(all)
	below := 0.0
	for i, n := range buckets {
		if below+float64(n) < rank || n == 0 {
			below += float64(n)
			continue
		}
		if i == len(bounds) {
			break
		}
		from := 0.0
		if i > 0 {
			from = bounds[i-1]
		}
		return from + (bounds[i]-from)*(rank-below)/float64(n), true
	}
	return bounds[len(bounds)-1], true
}
