package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// step is one thing that the demo does, and what came of it.
type step struct {
	Name     string        `json:"step"`
	Sent     string        `json:"sent,omitempty"`     // XML that the server sent
	Received *received     `json:"received,omitempty"` // what the phone's push service took
	Answer   string        `json:"answer,omitempty"`   // XML that the component answered
	Took     time.Duration `json:"took_ns"`
	OK       bool          `json:"ok"`
	Wrong    string        `json:"wrong,omitempty"` // what was not as it has to be
}

// received is one push as the push service saw it.
type received struct {
	Service string            `json:"service"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers,omitempty"`
	Payload json.RawMessage   `json:"payload"`
}

// timeline prints steps as they happen.
type timeline struct {
	out   io.Writer
	json  bool
	color bool
	count int
}

// checkedWriter keeps the first failure of a writer and stops what writes.
type checkedWriter struct {
	io.Writer
	stop   func()
	failed error
}

// Write implements [io.Writer].
func (w *checkedWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil && w.failed == nil {
		w.failed = err
		w.stop()
	}
	return n, err
}

// Terminal attributes (ECMA-48 section 8.3.117).
const (
	bold  = "1"
	dim   = "2"
	red   = "31"
	green = "32"
	cyan  = "36"
)

func (t *timeline) paint(attr, s string) string {
	if !t.color {
		return s
	}
	return "\x1b[" + attr + "m" + s + "\x1b[0m"
}

// say prints a line that belongs to no step; nothing in JSON.
func (t *timeline) say(format string, args ...any) {
	if !t.json {
		fmt.Fprintf(t.out, format+"\n", args...)
	}
}

// print shows a step.
func (t *timeline) print(s *step) {
	t.count++
	if t.json {
		// A step holds only texts and numbers, which always become JSON.
		line, _ := json.Marshal(s)
		fmt.Fprintf(t.out, "%s\n", line)
		return
	}
	mark := t.paint(green, "✓")
	if !s.OK {
		mark = t.paint(red, "✗")
	}
	fmt.Fprintf(t.out, "\n%s %s %s\n", mark, t.paint(bold, fmt.Sprintf("%d. %s", t.count, s.Name)), t.paint(dim, s.Took.Round(100*time.Microsecond).String()))
	t.block("server sends", indentXML(s.Sent))
	if r := s.Received; r != nil {
		t.block(r.Service+" gets", r.text())
	}
	t.block("tpush answers", indentXML(s.Answer))
	if s.Wrong != "" {
		t.block("wrong", t.paint(red, s.Wrong))
	}
}

func (t *timeline) block(title, text string) {
	if text == "" {
		return
	}
	fmt.Fprintf(t.out, "  %s\n", t.paint(cyan, title))
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		fmt.Fprintf(t.out, "    %s\n", strings.TrimRight(line, "\n"))
	}
}

// text is a push for people: the path, the headers, and the payload indented.
func (r *received) text() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s\n", r.Path)
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		fmt.Fprintf(&b, "%s: %s\n", name, r.Headers[name])
	}
	if err := json.Indent(&b, r.Payload, "", "  "); err != nil {
		b.Write(r.Payload)
	}
	return b.String()
}

// indentXML breaks well-formed XML into lines, an element with only text on one
// line.
func indentXML(s string) string {
	var b strings.Builder
	depth := 0
	closed := true // the last tag was an end tag
	for s != "" {
		end := strings.IndexByte(s, '>') + 1
		if next := strings.IndexByte(s[end:], '<'); next > 0 {
			end += next // the text behind the tag
		}
		tag := s[:end]
		s = s[end:]
		isEnd := strings.HasPrefix(tag, "</")
		if isEnd {
			depth--
		}
		if !isEnd || closed {
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(strings.Repeat("  ", max(0, depth)))
		}
		b.WriteString(tag)
		selfClosed := strings.Contains(tag, "/>")
		if !isEnd && !selfClosed {
			depth++
		}
		closed = isEnd || selfClosed
	}
	return b.String()
}
