package stats

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestRates(t *testing.T) {
	c := New("push").Counter(Desc{Name: "Packets received", Rates: true})
	at := time.Unix(7200, 0)
	for range 5 {
		c.addAt(1, at)
	}
	c.addAt(2, at.Add(time.Second))
	if got := rates(c, at.Add(time.Second)); got != "7 5 0 0" {
		t.Errorf("in the next second: %s", got)
	}
	if got := rates(c, at.Add(2*time.Second)); got != "7 2 0 0" {
		t.Errorf("in the one after: %s", got)
	}
	if got := rates(c, at.Add(61*time.Second)); got != "7 0 7 0" {
		t.Errorf("in the next minute: %s", got)
	}
	if got := rates(c, at.Add(time.Hour)); got != "7 0 0 7" {
		t.Errorf("in the next hour: %s", got)
	}
	if got := rates(c, at.Add(3*time.Hour)); got != "7 0 0 0" {
		t.Errorf("long after: %s", got)
	}
}

// TestRatesLate: what looked at the clock before the page was turned, and counts
// afterwards, takes nothing away.
func TestRatesLate(t *testing.T) {
	c := New("push").Counter(Desc{Name: "Packets received", Rates: true})
	hour := time.Unix(7200, 0)
	c.addAt(5, hour.Add(-time.Millisecond))
	c.IncAt(hour)
	c.IncAt(hour.Add(-time.Microsecond))
	c.IncAt(hour)
	if got := rates(c, hour); got != "8 5 5 5" {
		t.Errorf("late by a microsecond: %s", got)
	}
	if got := rates(c, hour.Add(-30*time.Minute)); got != "8 0 0 5" {
		t.Errorf("after the clock was set back: %s", got)
	}
}

func rates(c *Counter, at time.Time) string {
	var out []string
	for _, s := range c.stats(at) {
		out = append(out, s.Value)
	}
	return strings.Join(out, " ")
}

func TestStats(t *testing.T) {
	s := New("push")
	c := s.Counter(Desc{Name: "Packets received", Metric: "packets_received_total", Help: "h", Rates: true})
	s.Packets(c)
	c.Add(3)
	if s.Counter(Desc{Name: "Packets received"}) != c {
		t.Error("two counters of one name")
	}
	s.Counter(Desc{Name: "apns/Notifications sent", Metric: "notifications_total", Labels: []Label{{"provider", "apns"}}, Level: Fine})
	s.Gauge(Desc{Name: "Registered devices", Metric: "devices"}, func() float64 { return 12345678 })
	s.Text("apns/Certificate valid until", Info, func() string { return "2026-05-01" })
	s.Text("fcm/Certificate valid until", Info, func() string { return "" })
	timer := s.Timer(Desc{Name: "Average processing time on last 100 runs [ms]", Metric: "processing_seconds"})
	for range 150 {
		timer.Note(3 * time.Millisecond)
	}
	if got, want := fmt.Sprint(s.Stats(Info)), "[{push/Average processing time on last 100 runs [ms] 3 INFO} {push/Last hour packets 0 INFO} "+
		"{push/Last minute packets 0 INFO} {push/Last second packets 0 INFO} {push/Packets received 3 INFO} "+
		"{push/Registered devices 12345678 INFO} {push/apns/Certificate valid until 2026-05-01 INFO}]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := fmt.Sprint(s.Samples()); got != "[{devices  [] 1 1.2345678e+07 []} {notifications_total  [{provider apns}] 0 0 []} "+
		"{packets_received_total h [] 0 3 []} {processing_seconds_count  [] 0 150 []} {processing_seconds_sum  [] 0 0.45 []}]" {
		t.Errorf("samples %s", got)
	}
}

func TestLevels(t *testing.T) {
	for _, name := range []string{"INFO", "FINE", "FINER", "FINEST"} {
		if l, ok := ParseLevel(name); !ok || l.String() != name {
			t.Errorf("%s: %v, %v", name, l, ok)
		}
	}
	if _, ok := ParseLevel("ALL"); ok {
		t.Error("ALL is no level")
	}
}

func TestHistogram(t *testing.T) {
	s := New("push")
	h := s.Histogram(Desc{Name: "Push time", Metric: "push_duration_seconds"})
	if got := fmt.Sprint(s.Stats(Info)); got != "[]" {
		t.Errorf("empty: %s", got)
	}
	for i := range 1000 {
		h.Note(time.Duration(i) * time.Millisecond)
	}
	h.Note(time.Hour)
	for _, tc := range []struct{ q, want float64 }{{.5, .5}, {.99, .99}, {.1, .1}, {0, 0}, {1, 26}} {
		got, ok := Quantile(Bounds(), h.buckets(), tc.q)
		if !ok || got < tc.want*.9 || got > tc.want*1.1+.001 {
			t.Errorf("quantile %v: %v, want about %v", tc.q, got, tc.want)
		}
	}
	if got := s.Samples(); len(got) != 1 || got[0].Kind != KindHistogram || got[0].Value != 3600+499.5 {
		t.Errorf("samples %v", got)
	}
	if got := s.Stats(Info); len(got) != 2 || got[1].Name != "push/Push time median [ms]" {
		t.Errorf("statistics %v", got)
	}
}
