package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"unicode"
)

// tigaseHandler writes lines as tigase.log has them, the bean in the place of the
// thread:
//
//	[2026-05-01 12:00:00:123] [WARNING ] [               push ] Service.Publish(): push not accepted provider=…
type tigaseHandler struct {
	out    io.Writer // gets whole lines, also from several goroutines
	bean   string
	before string // attributes that come with every record
	group  string // in front of the names of attributes
}

// Enabled implements [slog.Handler].
func (h *tigaseHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements [slog.Handler].
func (h *tigaseHandler) Handle(_ context.Context, r slog.Record) error {
	bean := h.bean
	var rest, stack strings.Builder
	r.Attrs(func(a slog.Attr) bool {
		switch {
		case a.Key == "bean" && h.group == "":
			bean = a.Value.String()
		case a.Key == "stack": // on lines of its own, as in Java
			fmt.Fprintf(&stack, "%s\n", strings.TrimRight(a.Value.String(), "\n"))
		default:
			h.attr(&rest, a)
		}
		return true
	})
	if bean == "" {
		bean = "tpush"
	}
	line := fmt.Sprintf("[%s:%03d] [%-8s] [%19s ] %s: %s%s%s\n%s",
		r.Time.Format("2006-01-02 15:04:05"), r.Time.Nanosecond()/1e6, javaLevel(r.Level), bean, method(r.PC), r.Message, h.before, rest.String(), stack.String())
	_, err := io.WriteString(h.out, line)
	return err
}

// WithAttrs implements [slog.Handler].
func (h *tigaseHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := *h
	var b strings.Builder
	for _, a := range attrs {
		if a.Key == "bean" && h.group == "" {
			out.bean = a.Value.String()
			continue
		}
		h.attr(&b, a)
	}
	out.before += b.String()
	return &out
}

// WithGroup implements [slog.Handler].
func (h *tigaseHandler) WithGroup(name string) slog.Handler {
	out := *h
	out.group += name + "."
	return &out
}

// attr writes an attribute so that a record stays one line.
func (h *tigaseHandler) attr(b *strings.Builder, a slog.Attr) {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		inner := *h
		if a.Key != "" {
			inner.group += a.Key + "."
		}
		for _, m := range value.Group() {
			inner.attr(b, m)
		}
		return
	}
	text := value.String()
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == '"' || r == '=' || !unicode.IsPrint(r) }) {
		text = strconv.Quote(text)
	}
	fmt.Fprintf(b, " %s%s=%s", h.group, a.Key, text)
}

// javaLevel is the name of a level in java.util.logging.
func javaLevel(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "SEVERE"
	case l >= slog.LevelWarn:
		return "WARNING"
	case l >= slog.LevelInfo:
		return "INFO"
	case l >= levelConfig:
		return "CONFIG"
	case l >= slog.LevelDebug:
		return "FINE"
	case l >= levelFiner:
		return "FINER"
	}
	return "FINEST"
}

// method is the place in the program, written as Java's Class.method().
func method(pc uintptr) string {
	frame, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	name := frame.Function[strings.LastIndexByte(frame.Function, '/')+1:]
	pkg, fn, found := strings.Cut(name, ".")
	if !found {
		return "tpush()"
	}
	fn, _, _ = strings.Cut(fn, ".func") // a function inside another
	if strings.HasPrefix(fn, "(") {     // a method: the type names the class
		return strings.NewReplacer("(", "", ")", "", "*", "").Replace(fn) + "()"
	}
	return pkg + "." + fn + "()"
}
