package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// benchResult is what was measured of one program in one round.
type benchResult struct {
	Answers    map[string]int `json:"answers"`     // that the server got, by type
	Arrived    map[string]int `json:"apns_status"` // that APNs gave, by status
	Seconds    float64        `json:"seconds"`
	Rate       float64        `json:"pushes_per_second"`
	CPU        float64        `json:"cpu_us_per_push"` // of the measured process alone, while it was published to
	P50        time.Duration  `json:"p50_ns"`
	P95        time.Duration  `json:"p95_ns"`
	P99        time.Duration  `json:"p99_ns"`
	Max        time.Duration  `json:"max_ns"`
	RSS        int64          `json:"rss_kb"` // after the last answer
	PeakRSS    int64          `json:"peak_rss_kb"`
	Threads    int64          `json:"threads"`
	Goroutines int            `json:"goroutines,omitempty"`       // at most; tpush only
	Mallocs    float64        `json:"mallocs_per_push,omitempty"` // tpush only, as the next
	Bytes      float64        `json:"bytes_per_push,omitempty"`   // allocated
	Registered float64        `json:"registrations_per_second,omitempty"`
}

func (r *benchResult) fill(latency []time.Duration, took time.Duration, before, after usage) {
	n := len(latency)
	r.Seconds = took.Seconds()
	r.Rate = float64(n) / r.Seconds
	r.CPU = float64((after.cpu - before.cpu).Microseconds()) / float64(n)
	r.RSS, r.PeakRSS, r.Threads = after.rss, after.peak, after.threads
	slices.Sort(latency)
	at := func(percent int) time.Duration { return latency[(n-1)*percent/100] }
	r.P50, r.P95, r.P99, r.Max = at(50), at(95), at(99), latency[n-1]
}

// internals takes what the measured program told at both ends.
func (r *benchResult) internals(before, after measured, pushes int) {
	r.Goroutines = int(after.Goroutines)
	r.Mallocs = float64(after.Mallocs-before.Mallocs) / float64(pushes)
	r.Bytes = float64(after.Bytes-before.Bytes) / float64(pushes)
}

// print shows each program's rounds by their medians, and what the others cost
// beside this one: least beside least, median beside median.
func (r *benchReport) print(w io.Writer) error {
	accounts, pace := fmt.Sprintf("%v accounts", r.Options["accounts"]), fmt.Sprintf("%v at a time", r.Options["window"])
	if n, _ := r.Options["stored"].(int); n > 0 {
		accounts = fmt.Sprintf("%d stored devices", n)
	}
	if rate, _ := r.Options["rate"].(float64); rate > 0 {
		pace = fmt.Sprintf("%g a second", rate)
	}
	fmt.Fprintf(w, "%v pushes for %s, %s, APNs answering in %v; %d rounds, medians\n", r.Options["pushes"], accounts, pace, r.Options["latency"], len(r.Programs["tpush"]))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tpushes/s\tµs CPU/push\tleast\tp50\tp95\tp99\tmax\tRSS MB\tpeak\tthreads\t")
	for _, name := range r.order {
		rounds := r.Programs[name]
		of := func(value func(*benchResult) float64) float64 { return median(rounds, value) }
		ms := func(value func(*benchResult) time.Duration) string {
			d := time.Duration(of(func(b *benchResult) float64 { return float64(value(b)) }))
			return d.Round(10 * time.Microsecond).String()
		}
		fmt.Fprintf(t, "%s\t%.0f\t%.1f\t%.1f\t%s\t%s\t%s\t%s\t%.1f\t%.1f\t%.0f\t\n", name,
			of(func(b *benchResult) float64 { return b.Rate }), of(cpuOf), least(rounds, cpuOf),
			ms(func(b *benchResult) time.Duration { return b.P50 }), ms(func(b *benchResult) time.Duration { return b.P95 }),
			ms(func(b *benchResult) time.Duration { return b.P99 }), ms(func(b *benchResult) time.Duration { return b.Max }),
			of(func(b *benchResult) float64 { return float64(b.RSS) / 1024 }), of(func(b *benchResult) float64 { return float64(b.PeakRSS) / 1024 }),
			of(func(b *benchResult) float64 { return float64(b.Threads) }))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return r.printRatios(w)
}

func (r *benchReport) printRatios(w io.Writer) error {
	own := r.Programs["tpush"]
	for _, name := range r.order[1:] {
		other := r.Programs[name]
		fmt.Fprintf(w, "CPU of tpush / %s: %.2f by the least, %.2f by the medians\n", name, least(own, cpuOf)/least(other, cpuOf), median(own, cpuOf)/median(other, cpuOf))
	}
	for _, name := range r.order {
		var lines []string
		for _, b := range r.Programs[name] {
			if line := fmt.Sprintf("%v, APNs gave %v", b.Answers, b.Arrived); !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
		fmt.Fprintf(w, "%s answered %s\n", name, strings.ReplaceAll(strings.Join(lines, "; or "), "map", ""))
	}
	_, err := fmt.Fprintf(w, "tpush registered %.0f devices/s; it had %.0f goroutines at most and made %.1f allocations of %.0f bytes per push\n",
		median(own, func(b *benchResult) float64 { return b.Registered }), median(own, func(b *benchResult) float64 { return float64(b.Goroutines) }),
		median(own, func(b *benchResult) float64 { return b.Mallocs }), median(own, func(b *benchResult) float64 { return b.Bytes }))
	return err
}

func cpuOf(b *benchResult) float64 { return b.CPU }

func median(rounds []*benchResult, value func(*benchResult) float64) float64 {
	all := make([]float64, len(rounds))
	for i, b := range rounds {
		all[i] = value(b)
	}
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

func least(rounds []*benchResult, value func(*benchResult) float64) float64 {
	out := value(rounds[0])
	for _, b := range rounds {
		out = min(out, value(b))
	}
	return out
}
