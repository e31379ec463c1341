package http

import (
	"fmt"
	"math"
	"strings"
)

// maxSeriesShown is how many series a chart tells apart; the rest is one.
const maxSeriesShown = 6

// Colours of the palette with a meaning; others are numbered from colorFirst.
const (
	colorGood = iota
	colorGone
	colorFailed
	colorRefused
	colorFirst
)

// charts draws the last hour.
func (f *frame) charts() []chart {
	all := []chart{f.publishChart(), f.latencyChart(), f.pushChart(), f.failureChart()}
	for i := range all {
		c := &all[i]
		_, zone := f.end().Zone()
		c.Times, c.End, c.Span = f.times(), f.end().Unix()+int64(zone), int(f.span.Seconds())
		c.summarize()
	}
	return all
}

// summarize tells a chart in a sentence.
func (c *chart) summarize() {
	var parts []string
	for _, s := range c.Series {
		part := s.Name + " " + s.Now
		if s.Total != "" {
			part = fmt.Sprintf("%s %s in the last hour, %s %s now", s.Name, s.Total, s.Now, c.Unit)
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		parts = []string{"nothing in the last hour"}
	}
	c.Summary = c.Title + ": " + strings.Join(parts, "; ") + "."
}

// grown is how much a counter has grown in the hour.
func (f *frame) grown(value func(point) float64) float64 {
	return value(f.points[len(f.points)-1]) - value(f.points[0])
}

func (f *frame) publishChart() chart {
	c := chart{ID: "publishes", Title: "Publishes by answer"}
	for i, o := range []struct{ outcome, name string }{{"accepted", "accepted"}, {"gone", "device gone"}, {"failed", "failed for now"}, {"refused", "refused"}} {
		value := func(p point) float64 { return p.publishes[o.outcome] }
		c.Series = append(c.Series, series{Name: o.name, Color: colorGood + i, values: f.rates(value), Total: count(f.grown(value))})
	}
	f.stacked(&c)
	return c
}

func (f *frame) pushChart() chart {
	c := chart{ID: "pushes", Title: "Pushes by provider"}
	c.Series = f.split(func(k pushKey) string { return k.provider }, colorFirst)
	f.stacked(&c)
	return c
}

func (f *frame) failureChart() chart {
	c := chart{ID: "reasons", Title: "Pushes not accepted, by reason"}
	c.Series = f.split(func(k pushKey) string {
		if k.outcome == "accepted" {
			return ""
		}
		return k.reason
	}, colorFirst)
	f.stacked(&c)
	return c
}

// split makes a series of each name that pushes have; those without one do not
// count.
func (f *frame) split(name func(pushKey) string, color int) (out []series) {
	totals := map[string]float64{}
	for k, v := range f.points[len(f.points)-1].pushes {
		if n := name(k); n != "" {
			totals[n] += v - f.points[0].pushes[k]
		}
	}
	names := byTotal(totals)
	for i, n := range names {
		wanted := func(k string) bool { return k == n }
		if i == maxSeriesShown-1 && len(names) > maxSeriesShown {
			n, wanted = "others", func(k string) bool { return k != "" && !shownBefore(names[:i], k) }
		}
		value := func(p point) (sum float64) {
			for k, v := range p.pushes {
				if wanted(name(k)) {
					sum += v
				}
			}
			return sum
		}
		if out = append(out, series{Name: n, Color: color + i, values: f.rates(value), Total: count(f.grown(value))}); n == "others" {
			break
		}
	}
	return out
}

func shownBefore(names []string, k string) bool {
	for _, n := range names {
		if n == k {
			return true
		}
	}
	return false
}

func (f *frame) latencyChart() chart {
	c := chart{ID: "latency", Title: "Time to the push service's answer"}
	for i, q := range []struct {
		name string
		part float64
	}{{"99 of 100 within", .99}, {"half within", .5}} {
		c.Series = append(c.Series, series{Name: q.name, Color: colorFirst + i, values: f.quantiles(q.part)})
	}
	lines(&c, milliseconds)
	return c
}

// tiles are the numbers at a glance.
type tile struct {
	Name, Value, Note string
	Spark             string // path
}

func (f *frame) tiles(devices int) []tile {
	publishes := func(p point) (n float64) {
		for _, v := range p.publishes {
			n += v
		}
		return n
	}
	pushes := func(p point) (n float64) {
		for _, v := range p.pushes {
			n += v
		}
		return n
	}
	accepted := func(p point) (n float64) {
		for k, v := range p.pushes {
			if k.outcome == "accepted" {
				n += v
			}
		}
		return n
	}
	sent, good := f.grown(pushes), f.grown(accepted)
	share, note := "–", "no push in the last hour"
	if sent > 0 {
		share, note = percent(good/sent), fmt.Sprintf("%s of %s pushes", count(good), count(sent))
	}
	half, most := "–", "no push in the last hour"
	first, last := f.points[0], f.points[len(f.points)-1]
	if v, ok := quantile(first, last, .5); ok {
		half = milliseconds(v)
		v, _ = quantile(first, last, .99)
		most = "half within, 99 of 100 within " + milliseconds(v)
	}
	return []tile{
		{"Publishes", count(f.grown(publishes)), "in the last hour", spark(f.rates(publishes))},
		{"Accepted", share, note, spark(f.rates(accepted))},
		{"Push service's answer", half, most, spark(f.quantiles(.5))},
		{"Devices", count(float64(devices)), "registered", ""},
	}
}

// percent rounds down, so that 100 % means all.
func percent(part float64) string {
	return fmt.Sprintf("%g %%", math.Floor(part*1000)/10)
}

// spark is a small line without an axis.
func spark(values []float64) string {
	most := 0.0
	for _, v := range values {
		if v > most { // NaN is not
			most = v
		}
	}
	return polyline(values, niceLimit(most*1.05))
}
