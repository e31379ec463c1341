//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// level is what the program takes of the machine.
type level struct {
	Memory     float64 `json:"memory_mb"`
	Goroutines float64 `json:"goroutines"`
	Files      float64 `json:"files"`
}

// String implements fmt.Stringer.
func (l level) String() string {
	return fmt.Sprintf("%.1f MB, %.0f goroutines, %.0f files", l.Memory, l.Goroutines, l.Files)
}

// level reads what the programs take together from their metrics.
func (b *lab) level(ctx context.Context) (sum level, err error) {
	for _, i := range b.instances {
		l, err := i.level(ctx)
		if err != nil {
			return sum, err
		}
		sum = level{sum.Memory + l.Memory, sum.Goroutines + l.Goroutines, sum.Files + l.Files}
	}
	return sum, nil
}

func (i *instance) level(ctx context.Context) (l level, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+i.page+"/metrics", nil)
	if err != nil {
		return l, err
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		return l, fmt.Errorf("read metrics: %w", err)
	}
	defer r.Body.Close()
	found := 0
	for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		name, text, _ := strings.Cut(lines.Text(), " ")
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			continue
		}
		found++
		switch name {
		case "process_resident_memory_bytes":
			l.Memory = value / (1 << 20)
		case "go_goroutines":
			l.Goroutines = value
		case "process_open_fds":
			l.Files = value
		default:
			found--
		}
	}
	if found != 3 {
		return l, fmt.Errorf("metrics of %s: %d of 3 numbers found", r.Status, found)
	}
	return l, nil
}

// back reports whether the level of so many programs is that of before again.
// Memory that the garbage collector holds back for a while is no leak.
func (l level) back(before level, programs int) bool {
	n := float64(programs)
	return l.Memory <= 1.3*before.Memory+10*n && l.Goroutines <= before.Goroutines+30*n && l.Files <= before.Files+8*n
}
