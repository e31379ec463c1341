// Package stats counts: under the names that Tigase gives its statistics, and
// the same numbers with the names and labels of a metric.
//
// It does not know who counts, nor how the numbers are shown.
package stats

import (
	"cmp"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Level says how closely one has to look to see a statistic. A request at a
// level returns it and all before it (Tigase: INFO, FINE, FINER, FINEST).
type Level uint8

// Levels, the coarsest first.
const (
	Info Level = iota
	Fine
	Finer
	Finest
)

var levelNames = [...]string{"INFO", "FINE", "FINER", "FINEST"}

// String returns Tigase's name of the level.
func (l Level) String() string { return levelNames[min(int(l), len(levelNames)-1)] }

// ParseLevel returns the level of Tigase's name; false for any other text.
func ParseLevel(name string) (Level, bool) {
	i := slices.Index(levelNames[:], name)
	return Level(max(i, 0)), i >= 0
}

// Label is one label of a metric.
type Label struct{ Name, Value string }

// Desc says how a number is called.
type Desc struct {
	Name   string  // Tigase's, below the component: "Packets received"
	Metric string  // of the metric, without the namespace: "packets_received_total"; empty: none
	Help   string  // of the metric, one sentence
	Labels []Label // of the metric
	Level  Level
	// Rates adds the numbers of the last second, minute and hour to the
	// statistics, under the Tigase name with these words behind it.
	Rates bool
}

// Stat is one statistic as Tigase shows it.
type Stat struct {
	Name  string // complete: "push/Packets received"
	Value string
	Level Level
}

// Kind says how a metric develops.
type Kind uint8

const (
	// KindCounter only grows.
	KindCounter Kind = iota
	// KindGauge goes up and down.
	KindGauge
	// KindHistogram has buckets.
	KindHistogram
)

// Sample is one metric's value.
type Sample struct {
	Metric string
	Help   string
	Labels []Label
	Kind   Kind
	Value  float64 // of a histogram: the sum
	// Buckets are a histogram's: how many were within each of [Bounds] and not
	// within the one before; the last one, how many were beyond all.
	Buckets []uint64
}

// Set is all the numbers of one component. Its methods may be called at the
// same time.
type Set struct {
	component string
	mu        sync.Mutex
	counters  map[string]*Counter
	order     []number // as they came
}

// number is what a Set holds.
type number interface {
	stats(at time.Time) []Stat
	samples() []Sample
}

// New returns an empty set for a component; its name is the first part of all
// Tigase names.
func New(component string) *Set {
	return &Set{component: component, counters: map[string]*Counter{}}
}

// Counter returns the counter of that Tigase name, and makes it at its first
// use.
func (s *Set) Counter(d Desc) *Counter {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.counters[d.Name]; c != nil {
		return c
	}
	c := &Counter{desc: d}
	s.counters[d.Name] = c
	s.order = append(s.order, c)
	return c
}

// Gauge adds a number that is asked for when somebody looks.
func (s *Set) Gauge(d Desc, value func() float64) { s.add(&gauge{d, value}) }

// Text adds a statistic that is no number, asked for when somebody looks; there
// is no metric for it. An empty text is left out.
func (s *Set) Text(name string, l Level, value func() string) { s.add(&text{name, l, value}) }

// Timer adds the time that something takes, of its last 100 runs.
func (s *Set) Timer(d Desc) *Timer {
	t := &Timer{desc: d}
	s.add(t)
	return t
}

func (s *Set) add(n number) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.order = append(s.order, n)
}

func (s *Set) numbers() []number {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.order)
}

// Stats returns the statistics up to a level in the order of their names. As in
// Tigase, those at a finer level than INFO that are 0 are left out.
func (s *Set) Stats(upTo Level) (out []Stat) {
	now := time.Now()
	for _, n := range s.numbers() {
		for _, st := range n.stats(now) {
			if st.Level > upTo || st.Value == "" || st.Level > Info && st.Value == "0" {
				continue
			}
			st.Name = s.component + "/" + st.Name
			out = append(out, st)
		}
	}
	slices.SortStableFunc(out, func(a, b Stat) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Samples returns the values of all metrics; those of one metric stand
// together.
func (s *Set) Samples() (out []Sample) {
	for _, n := range s.numbers() {
		out = append(out, n.samples()...)
	}
	slices.SortStableFunc(out, func(a, b Sample) int { return cmp.Compare(a.Metric, b.Metric) })
	return out
}

// gauge is a number that is asked for.
type gauge struct {
	desc  Desc
	value func() float64
}

func (g *gauge) stats(time.Time) []Stat {
	return []Stat{{g.desc.Name, strconv.FormatFloat(g.value(), 'f', -1, 64), g.desc.Level}}
}

func (g *gauge) samples() []Sample { return sampleOf(&g.desc, KindGauge, g.value()) }

// text is a statistic that is no number.
type text struct {
	name  string
	level Level
	value func() string
}

func (t *text) stats(time.Time) []Stat { return []Stat{{t.name, t.value(), t.level}} }

func (t *text) samples() []Sample { return nil }

func sampleOf(d *Desc, k Kind, v float64) []Sample {
	if d.Metric == "" {
		return nil
	}
	return []Sample{{Metric: d.Metric, Help: d.Help, Labels: d.Labels, Kind: k, Value: v}}
}
