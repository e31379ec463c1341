package stats

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Counter counts from the program's start, and how many there were lately.
type Counter struct {
	desc Desc
	n    atomic.Uint64
	mu   sync.Mutex
	// Of the last second, minute and hour, where they are wanted.
	last [len(periods)]window
}

// periods are those of Tigase's rates.
var periods = [...]struct {
	word   string
	length time.Duration
}{{"last second", time.Second}, {"last minute", time.Minute}, {"last hour", time.Hour}}

// window counts in one period and remembers the last complete one. It needs no
// timer: whoever looks turns the page.
type window struct {
	page          int64 // number of the period since 1970
	now, complete uint64
}

// turn makes the window that of a period.
func (w *window) turn(page int64) {
	switch page - w.page {
	case 0, -1: // -1: of somebody who looked at the clock before the last one did
		return
	case 1:
		w.complete = w.now
	default:
		w.complete = 0
	}
	w.page, w.now = page, 0
}

// Add counts n more.
func (c *Counter) Add(n int) {
	if c.desc.Rates {
		c.addAt(n, time.Now())
		return
	}
	c.n.Add(uint64(n))
}

// Inc counts one more.
func (c *Counter) Inc() { c.Add(1) }

// IncAt is Inc for who knows what time it is: to look costs more than to count.
func (c *Counter) IncAt(now time.Time) { c.addAt(1, now) }

func (c *Counter) addAt(n int, at time.Time) {
	c.n.Add(uint64(n))
	if !c.desc.Rates {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn(at)
	for i := range c.last {
		c.last[i].now += uint64(n)
	}
}

func (c *Counter) turn(at time.Time) {
	for i := range c.last {
		c.last[i].turn(at.UnixNano() / int64(periods[i].length))
	}
}

// Value returns how many there were.
func (c *Counter) Value() uint64 { return c.n.Load() }

func (c *Counter) stats(at time.Time) []Stat {
	out := []Stat{{c.desc.Name, strconv.FormatUint(c.Value(), 10), c.desc.Level}}
	if !c.desc.Rates {
		return out
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn(at)
	for i := range c.last {
		out = append(out, Stat{c.desc.Name + " " + periods[i].word, strconv.FormatUint(c.last[i].complete, 10), max(c.desc.Level, Fine)})
	}
	return out
}

func (c *Counter) samples() []Sample { return sampleOf(&c.desc, KindCounter, float64(c.Value())) }

// Packets is a [Counter] with the rates under the names that every component of
// Tigase has them: "Last second packets" and so on.
func (s *Set) Packets(c *Counter) { s.add(packets{c}) }

type packets struct{ c *Counter }

func (p packets) stats(at time.Time) []Stat {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.c.turn(at)
	out := make([]Stat, len(periods))
	for i, name := range [...]string{"Last second packets", "Last minute packets", "Last hour packets"} {
		out[i] = Stat{name, strconv.FormatUint(p.c.last[i].complete, 10), Info}
	}
	return out
}

func (p packets) samples() []Sample { return nil }

// runs is how many runs a timer remembers.
const runs = 100

// Timer measures how long something takes.
type Timer struct {
	desc Desc
	mu   sync.Mutex
	took [runs]time.Duration
	n    uint64
	all  time.Duration
}

// Note adds one run.
func (t *Timer) Note(took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.took[t.n%runs] = took
	t.n++
	t.all += took
}

// average returns the mean of the last runs, 0 when there were none.
func (t *Timer) average() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := min(t.n, runs)
	if last == 0 {
		return 0
	}
	var sum time.Duration
	for _, d := range t.took[:last] {
		sum += d
	}
	return sum / time.Duration(last)
}

func (t *Timer) stats(time.Time) []Stat {
	return []Stat{{t.desc.Name, strconv.FormatFloat(float64(t.average().Microseconds())/1000, 'f', -1, 64), t.desc.Level}}
}

// samples are the two numbers from which any average can be made.
func (t *Timer) samples() []Sample {
	if t.desc.Metric == "" {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return []Sample{
		{Metric: t.desc.Metric + "_count", Help: t.desc.Help, Labels: t.desc.Labels, Kind: KindCounter, Value: float64(t.n)},
		{Metric: t.desc.Metric + "_sum", Help: t.desc.Help, Labels: t.desc.Labels, Kind: KindCounter, Value: t.all.Seconds()},
	}
}
