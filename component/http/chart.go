package http

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// Charts are drawn here, as SVG: the page works without scripts. A chart's
// drawing is chartWidth by chartHeight units and stretched to its place; texts
// stand beside it in HTML, so that they are not stretched.
const chartWidth, chartHeight = 360, 100

// chart is a drawing of the last hour with its legend.
type chart struct {
	ID, Title, Unit string
	Summary         string // in a sentence, for those who cannot see it
	Max, Half       string // labels of the axis
	Limit           float64
	End             int64 // of the time that it shows, in seconds of the clock on the wall
	Span            int   // length of that time, in seconds
	Series          []series
	Times           []string // below the axis, from the left
}

// series is one line or area of a chart.
type series struct {
	Name  string
	Color int    // of the palette
	Area  string // path; empty: a line
	Line  string // path; empty for an area
	Now   string // the last value
	Total string // of the hour; empty where a sum means nothing

	values []float64 // NaN: none
}

// frame is the last hour, and how much of it charts show: all of it, or less
// while the program has not run for so long.
type frame struct {
	points  []point
	span    time.Duration
	columns int // one per note of the history
}

// spans are the lengths of time that charts show.
var spans = []time.Duration{5 * time.Minute, 15 * time.Minute, 30 * time.Minute, historyLength}

func newFrame(points []point) *frame {
	f := &frame{points: points, span: historyLength}
	ran := f.end().Sub(points[0].at)
	for _, s := range spans {
		if ran <= s {
			f.span = s
			break
		}
	}
	f.columns = int(f.span / historyStep)
	return f
}

func (f *frame) end() time.Time { return f.points[len(f.points)-1].at }

// times is what stands below each chart.
func (f *frame) times() []string {
	out := make([]string, 5)
	for i := range out {
		out[i] = f.end().Add(f.span * time.Duration(i-4) / 4).Format("15:04")
	}
	return out
}

// each maps the steps between points to columns.
func (f *frame) each(put func(column int, from, to point)) {
	for i := 1; i < len(f.points); i++ {
		column := f.columns - 1 - int(f.end().Sub(f.points[i].at)/historyStep)
		if column >= 0 {
			put(column, f.points[i-1], f.points[i])
		}
	}
}

// rates are how many per second, column by column, of what value reads.
func (f *frame) rates(value func(point) float64) []float64 {
	out := make([]float64, f.columns)
	f.each(func(c int, from, to point) {
		if took := to.at.Sub(from.at).Seconds(); took > 0 {
			out[c] = max(out[c], (value(to)-value(from))/took)
		}
	})
	return out
}

// quantiles are the quantile of each column of time, NaN where there was no push.
func (f *frame) quantiles(part float64) []float64 {
	out := slices.Repeat([]float64{math.NaN()}, f.columns)
	f.each(func(c int, from, to point) {
		if v, ok := quantile(from, to, part); ok {
			out[c] = v
		}
	})
	return out
}

// stacked draws series on top of each other, as areas, per second or, where
// little happens, per minute.
func (f *frame) stacked(c *chart) {
	top := make([]float64, f.columns)
	for _, s := range c.Series {
		for i, v := range s.values {
			top[i] += v
		}
	}
	scale := c.rateScale(slices.Max(top))
	limit := niceLimit(slices.Max(top) * scale)
	c.axis(limit, count)
	below := make([]float64, f.columns)
	for i := range c.Series {
		s := &c.Series[i]
		above := make([]float64, f.columns)
		for j := range above {
			s.values[j] *= scale
			above[j] = below[j] + s.values[j]
		}
		if slices.Max(s.values) > 0 {
			s.Area = polyline(above, limit) + reversed(below, limit) + "Z"
		}
		s.Now = count(s.values[f.columns-1])
		below = above
	}
}

// rateScale chooses between per second and per minute.
func (c *chart) rateScale(most float64) float64 {
	if most < 2 {
		c.Unit = "per minute"
		return 60
	}
	c.Unit = "per second"
	return 1
}

// lines draws series as lines.
func lines(c *chart, show func(float64) string) {
	most := 0.0
	for _, s := range c.Series {
		for _, v := range s.values {
			if !math.IsNaN(v) {
				most = max(most, v)
			}
		}
	}
	limit := niceLimit(most)
	c.axis(limit, show)
	for i := range c.Series {
		s := &c.Series[i]
		s.Line = polyline(s.values, limit)
		s.Now = "–"
		for _, v := range s.values { // the last that there is
			if !math.IsNaN(v) {
				s.Now = show(v)
			}
		}
	}
}

// axis sets where the axis ends.
func (c *chart) axis(limit float64, show func(float64) string) {
	c.Limit, c.Max, c.Half = limit, show(limit), show(limit/2)
}

// niceLimit is the round number that an axis ends at.
func niceLimit(most float64) float64 {
	if most <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(most)))
	for _, n := range []float64{1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10} {
		if most <= n*power {
			return n * power
		}
	}
	return 10 * power
}

// polyline is a line through the values, with a gap where there is none.
func polyline(values []float64, limit float64) string {
	var b []byte
	drawing := false
	for i, v := range values {
		switch {
		case math.IsNaN(v):
			drawing = false
		case drawing:
			b = appendPoint(b, 'L', i*chartWidth/(len(values)-1), v, limit)
		default:
			drawing = true
			b = appendPoint(b, 'M', i*chartWidth/(len(values)-1), v, limit)
			b = append(b, "h.01"...) // so that one value alone is seen
		}
	}
	return string(b)
}

// reversed continues a path along the values from the right to the left.
func reversed(values []float64, limit float64) string {
	var b []byte
	for i := len(values) - 1; i >= 0; i-- {
		b = appendPoint(b, 'L', i*chartWidth/(len(values)-1), values[i], limit)
	}
	return string(b)
}

func appendPoint(b []byte, pen byte, x int, v, limit float64) []byte {
	b = append(strconv.AppendInt(append(b, pen), int64(x), 10), ' ')
	return strconv.AppendFloat(b, math.Round((1-v/limit)*chartHeight*10)/10, 'f', -1, 64)
}

// count is a number as people read it: 1,234 and 0.4.
func count(v float64) string {
	if v > 0 && v < 9.95 && v != math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	digits := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// milliseconds is a duration as people read it.
func milliseconds(seconds float64) string {
	switch {
	case seconds >= 10:
		return fmt.Sprintf("%.0f s", seconds)
	case seconds >= 1:
		return strconv.FormatFloat(math.Round(seconds*10)/10, 'f', -1, 64) + " s"
	case seconds < .01:
		return strconv.FormatFloat(math.Round(seconds*1e4)/10, 'f', -1, 64) + " ms"
	}
	return fmt.Sprintf("%.0f ms", seconds*1000)
}

// byTotal sorts names, those with the largest values first.
func byTotal(totals map[string]float64) []string {
	names := make([]string, 0, len(totals))
	for name := range totals {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(totals[b], totals[a]), cmp.Compare(a, b))
	})
	return names
}
