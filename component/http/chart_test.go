package http

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

func TestFrame(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for ran, want := range map[time.Duration]time.Duration{0: 5 * time.Minute, 4 * time.Minute: 5 * time.Minute, 6 * time.Minute: 15 * time.Minute,
		29 * time.Minute: 30 * time.Minute, 40 * time.Minute: time.Hour, time.Hour: time.Hour} {
		f := newFrame([]point{{at: now.Add(-ran)}, {at: now}})
		if f.span != want || f.columns != int(want/historyStep) {
			t.Errorf("after %s: %s in %d columns, want %s", ran, f.span, f.columns, want)
		}
	}
}

func TestRates(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var points []point
	for i := range 4 { // 0, 10, 30, 60: at 1, 2 and 3 a second
		points = append(points, point{at: now.Add(time.Duration(i-3) * historyStep), publishes: map[string]float64{"accepted": float64(5 * i * (i + 1))}})
	}
	f := newFrame(points)
	got := f.rates(func(p point) float64 { return p.publishes["accepted"] })
	if fmt.Sprint(got[len(got)-4:]) != "[0 1 2 3]" {
		t.Errorf("rates %v", got)
	}
	c := f.publishChart()
	if c.Unit != "per second" || c.Max != "3" || c.Series[0].Total != "60" || c.Series[0].Now != "3" || c.Series[1].Area != "" {
		t.Errorf("chart %+v", c)
	}
	if !strings.HasSuffix(c.Series[0].Area, "Z") || !strings.Contains(c.Series[0].Area, "L360 0L360 100") {
		t.Errorf("area %s", c.Series[0].Area)
	}
}

func TestHistory(t *testing.T) {
	o := newOffice(time.Now())
	h := &history{program: o.program()}
	start := time.Unix(1_700_000_000, 0)
	c := o.publishes("accepted")
	for i := range 3 * historyPoints {
		c.Inc()
		h.note(start.Add(time.Duration(i) * historyStep))
	}
	now := start.Add(time.Duration(3*historyPoints) * historyStep)
	points := h.until(now)
	if len(points) > historyPoints+1 || points[0].at.Before(now.Add(-historyLength-historyStep)) || !points[len(points)-1].at.Equal(now) {
		t.Errorf("%d points from %s", len(points), now.Sub(points[0].at))
	}
	if grown := newFrame(points).grown(func(p point) float64 { return p.publishes["accepted"] }); grown < 355 || grown > 361 {
		t.Errorf("grown by %v in an hour of one each ten seconds", grown)
	}
}

func TestNumbers(t *testing.T) {
	for in, want := range map[float64]string{0: "0", .4: "0.4", 9.04: "9.0", 12.4: "12", 1234567: "1,234,567", 999: "999", 1000: "1,000"} {
		if got := count(in); got != want {
			t.Errorf("count(%v) = %s, want %s", in, got, want)
		}
	}
	for in, want := range map[float64]string{.0004: "0.4 ms", .0123: "12 ms", .9: "900 ms", 1.23: "1.2 s", 26: "26 s"} {
		if got := milliseconds(in); got != want {
			t.Errorf("milliseconds(%v) = %s, want %s", in, got, want)
		}
	}
	for in, want := range map[float64]float64{0: 1, 1: 1, 22: 24, 101: 120, 0.03: 0.03, 9.5: 10} {
		if got := niceLimit(in); math.Abs(got-want) > 1e-9 {
			t.Errorf("niceLimit(%v) = %v, want %v", in, got, want)
		}
	}
	if got := percent(.99999); got != "99.9 %" {
		t.Errorf("percent: %s", got)
	}
	if got := polyline([]float64{math.NaN(), 1, math.NaN(), 2}, 2); got != "M120 50h.01M360 0h.01" {
		t.Errorf("polyline: %s", got)
	}
	now := time.Now()
	for _, tc := range []struct {
		at   time.Time
		want string
	}{{time.Time{}, "never"}, {now, "just now"}, {now.Add(-61 * time.Second), "1 minute ago"}, {now.Add(-49 * time.Hour), "2 days ago"}} {
		if got := ago(tc.at, now); got != tc.want {
			t.Errorf("ago: %s, want %s", got, tc.want)
		}
	}
	if got := until(now.Add(-3*time.Hour), now); got != "3 hours ago" {
		t.Errorf("until: %s", got)
	}
}

func TestManyReasons(t *testing.T) {
	o := newOffice(time.Now())
	h := &history{program: o.program()}
	h.note(time.Now().Add(-time.Minute))
	for i := range 20 {
		o.pushes("fcm-http-v1", "failed", fmt.Sprint("reason", i)).Add(i + 1)
	}
	c := newFrame(h.until(time.Now())).failureChart()
	if n := len(c.Series); n != maxSeriesShown || c.Series[n-1].Name != "others" || c.Series[0].Name != "reason19" || c.Series[n-1].Total != "120" {
		t.Errorf("%d series: %+v", n, c.Series)
	}
}

// BenchmarkPage renders the page with a full hour.
func BenchmarkPage(b *testing.B) {
	now := time.Now()
	o := newOffice(now)
	m := NewManagement(o.program(), "")
	o.hour(m.history, now)
	for b.Loop() {
		if w := look(m, "/"); w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}
