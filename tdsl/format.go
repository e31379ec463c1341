package tdsl

import (
	"bufio"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Format writes a tree as Tigase's configuration writer does: entries sorted,
// comments gone, variables and calculations as they are written. Like that
// writer it escapes nothing, so that a text with a single quote in it does not
// survive; see [Canonical] for one that keeps every meaning.
func Format(w io.Writer, f *File) error {
	b := bufio.NewWriter(w)
	p := &writer{b}
	p.entries(f.Root.Entries, 0)
	return b.Flush()
}

// writer writes values; its errors are those of the buffer's end.
type writer struct{ *bufio.Writer }

func (w *writer) text(parts ...string) {
	for _, s := range parts {
		// The buffer keeps the first error for Flush.
		_, _ = w.WriteString(s)
	}
}

func indent(level int) string { return strings.Repeat("    ", level) }

func (w *writer) entries(entries []Entry, level int) {
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b Entry) int {
		if d := group(a) - group(b); d != 0 {
			return d
		}
		return slices.Compare(utf16.Encode([]rune(a.Key)), utf16.Encode([]rune(b.Key)))
	})
	for _, e := range sorted {
		w.text(indent(level))
		w.entry(e, level)
		w.text("\n")
	}
}

// group orders entries: old globals, plain values, the sources and repositories,
// the other blocks.
func group(e Entry) int {
	if strings.HasPrefix(e.Key, "--") {
		return 0
	}
	if !isBlock(e.Value) {
		return 1
	}
	switch e.Key {
	case "dataSource":
		return 2
	case "userRepository":
		return 3
	case "authRepository":
		return 4
	}
	return 5
}

func (w *writer) entry(e Entry, level int) {
	global := level == 0 && strings.HasPrefix(e.Key, "--")
	if global {
		w.text(e.Key)
	} else {
		w.text(quoteIfNeeded(e.Key))
	}
	if b, ok := e.Value.(*Block); ok {
		w.text(" ")
		w.block(b, level)
		return
	}
	w.text(" = ")
	if s, ok := e.Value.(*Scalar); ok && global && is[string](s.V) {
		w.text(quoteIfNeeded(s.V.(string)))
		return
	}
	w.value(e.Value, level)
}

// quoteIfNeeded quotes a key with one of the characters that end one. Others
// that would not survive are not looked at.
func quoteIfNeeded(key string) string {
	if strings.ContainsAny(key, "=:,[]#+-*/@.") {
		return "'" + key + "'"
	}
	return key
}

func (w *writer) value(v Value, level int) {
	switch x := v.(type) {
	case *Scalar:
		w.text(literal(x.V))
	case *Variable:
		w.text(x.source())
	case *Expr:
		for i, a := range x.Args {
			if i > 0 {
				w.text(" ", string(x.Ops[i-1]), " ")
			}
			w.value(a, level)
		}
	case *List:
		w.list(x, level)
	case *Block:
		w.block(x, level)
	}
}

// literal is a scalar's source text.
func literal(v any) string {
	switch n := v.(type) {
	case nil:
		return "null"
	case string:
		return "'" + n + "'"
	case int32:
		return strconv.FormatInt(int64(n), 10)
	case int64:
		return strconv.FormatInt(n, 10) + "L"
	case float32:
		return javaFloat(float64(n), 32) + "f"
	case float64:
		return javaFloat(n, 64)
	case bool:
		return strconv.FormatBool(n)
	}
	return ""
}

// javaFloat is a number's shortest text as Java writes it: with an exponent
// from 10^7 on and below 10^-3.
func javaFloat(f float64, size int) string {
	if abs := max(f, -f); f == 0 || abs >= 1e-3 && abs < 1e7 {
		s := strconv.FormatFloat(f, 'f', -1, size)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	s := strconv.FormatFloat(f, 'E', -1, size)
	switch s {
	case "+INF", "+Inf":
		return "Infinity"
	case "-INF", "-Inf":
		return "-Infinity"
	}
	mantissa, exponent, found := strings.Cut(s, "E")
	if !found {
		return s
	}
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exponent) // digits with a sign, from FormatFloat
	return mantissa + "E" + strconv.Itoa(n)
}

// source is how a variable is written.
func (v *Variable) source() string {
	s := v.function() + "('" + v.Name + "'"
	if v.Default != nil {
		s += ", '" + *v.Default + "'"
	}
	return s + ")"
}

// shortList is the number of numbers or strings from which on a list takes a
// line for each.
const shortList = 6

func (w *writer) list(l *List, level int) {
	short := len(l.Items) < shortList
	for _, item := range l.Items {
		s, ok := item.(*Scalar)
		short = short && ok && s.V != nil && !is[bool](s.V)
	}
	w.text("[")
	for i, item := range l.Items {
		if i > 0 {
			w.text(",")
		}
		if short {
			w.text(" ")
		} else {
			w.text("\n", indent(level+1))
		}
		w.value(item, level+1)
	}
	switch {
	case len(l.Items) == 0:
		w.text("  ]")
	case short:
		w.text(" ]")
	default:
		w.text("\n", indent(level), "]")
	}
}

// block writes what stands behind a block's name.
func (w *writer) block(b *Block, level int) {
	if b.Declared {
		w.attributes(b, level)
		w.text(" ")
	}
	if len(b.Entries) == 0 {
		w.text("{}")
		return
	}
	w.text("{\n")
	w.entries(b.Entries, level+1)
	w.text(indent(level), "}")
}

// attributes writes a bean's parentheses, with the writer's mistake: between
// active and exportable nothing separates when there is no class.
func (w *writer) attributes(b *Block, level int) {
	w.text("(")
	if b.HasClass {
		w.text("class: ", b.Class)
	}
	separate := func() {
		if b.HasClass {
			w.text(",\n", indent(level+1))
		}
	}
	if !b.Active {
		separate()
		w.text("active: false")
	}
	if b.Exportable {
		separate()
		w.text("exportable: true")
	}
	w.text(")")
}
