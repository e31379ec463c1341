package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// progress shows on a terminal how far long work is, and for how long it will
// go on. Elsewhere it shows nothing.
type progress struct {
	out   io.Writer // nil: no terminal
	what  string
	total int // 0: not known
	done  int
	begun time.Time
	shown time.Time
}

// newProgress begins to show work on w, which is a terminal or not.
func newProgress(w io.Writer, what string, total int) *progress {
	p := &progress{what: what, total: total, begun: time.Now()}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.out = w
	}
	return p
}

// add counts work as done.
func (p *progress) add(n int) {
	p.done += n
	if p.out != nil && time.Since(p.shown) > 100*time.Millisecond {
		p.shown = time.Now()
		fmt.Fprintf(p.out, "\r%s\x1b[K", p.line(p.shown.Sub(p.begun)))
	}
}

// end takes the line away.
func (p *progress) end() {
	if p.out != nil && !p.shown.IsZero() {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

// barWidth is the length of a whole bar, in characters.
const barWidth = 30

// line is what is shown after some time.
func (p *progress) line(took time.Duration) string {
	perSecond := float64(p.done) / max(took.Seconds(), 0.001)
	if p.total <= 0 {
		return fmt.Sprintf("%s %d, %.0f/s", p.what, p.done, perSecond)
	}
	part := min(1, float64(p.done)/float64(p.total))
	full := int(part * barWidth)
	left := ""
	if perSecond > 0 {
		left = ", " + time.Duration(float64(max(0, p.total-p.done))/perSecond*float64(time.Second)).Round(time.Second).String() + " left"
	}
	return fmt.Sprintf("%s [%s%s] %3.0f %%, %d of %d, %.0f/s%s", p.what, strings.Repeat("█", full), strings.Repeat("·", barWidth-full), 100*part, p.done, p.total, perSecond, left)
}
