package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"

	"golang.org/x/text/width"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/tdsl"
)

// lines are the lines of a file, for messages.
type lines struct {
	text  []string
	shown map[int]string // by number: without secrets; made when asked for
}

// newLines splits a text; one that is too large to be read has no lines.
func newLines(text []byte) *lines {
	if len(text) == 0 || len(text) > tdsl.MaxSize {
		return &lines{}
	}
	return &lines{strings.Split(strings.ToValidUTF8(string(text), "\uFFFD"), "\n"), map[int]string{}}
}

// line is a line without its secrets; false: there is none of that number.
func (l *lines) line(n int) (string, bool) {
	if n < 1 || n > len(l.text) {
		return "", false
	}
	if _, known := l.shown[n]; !known {
		l.shown[n] = masked(l.text[n-1])
	}
	return l.shown[n], true
}

// printFinding prints a finding with its source line and a caret below its
// place.
func printFinding(w io.Writer, f beans.Finding, src *lines) {
	fmt.Fprintf(w, "%s: %s: %s\n", f.Pos, f.Severity, f.Msg)
	if line, ok := src.line(f.Pos.Line); ok {
		line, indent := excerpt(line, f.Pos.Col)
		fmt.Fprintf(w, "    %s\n    %s^\n", line, indent)
	}
	if f.Hint != "" {
		fmt.Fprintf(w, "    %s\n", f.Hint)
	}
}

// lineWidth is how much of a line is shown, in characters.
const lineWidth = 120

// excerpt is a line as it can be shown, and what stands in front of the caret
// below the column (in UTF-16 units, from 1). Of a long line it is the part
// around the column; control characters are not shown.
func excerpt(line string, col int) (shown, indent string) {
	shownRune := func(r rune) rune {
		if r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}
	before, after := splitAt(strings.TrimRight(line, "\r"), col)
	lead, trail := "", ""
	if n := len(before) - lineWidth/2; n > 0 && len(before)+len(after) > lineWidth {
		before, lead = before[n:], "…"
	}
	if n := lineWidth - len(before); len(after) > n {
		after, trail = after[:n], "…"
	}
	front := lead + strings.Map(shownRune, string(before))
	return front + strings.Map(shownRune, string(after)) + trail, blank(front)
}

// blank is white space as wide as a text is in a terminal, so that a caret
// behind it stands below its place.
func blank(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch kind := width.LookupRune(r).Kind(); {
		case r == '\t':
			b.WriteRune(r)
		case unicode.In(r, unicode.Mn, unicode.Me): // stands above the one before
		case kind == width.EastAsianWide || kind == width.EastAsianFullwidth:
			b.WriteString("  ")
		default:
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// splitAt splits a line at a column (in UTF-16 units, from 1). Of what follows
// it is no more than can be shown.
func splitAt(line string, col int) (before, after []rune) {
	for _, r := range line {
		if col > 1 {
			before = append(before, r)
			col -= utf16.RuneLen(r)
		} else if after = append(after, r); len(after) > lineWidth {
			break
		}
	}
	return before, after
}

// secrets are the texts in a line of a configuration that are not for a log:
// values and URI parameters named so (of a variable, the default), and the
// passwords of a connection item and of an address's user.
var secrets = []*regexp.Regexp{
	regexp.MustCompile(`(` + tdsl.SecretKeys + `[^\s'"=:,;&]*['"]?\s*[=:]\s*)((?:env|prop)\s*\(\s*(?:'[^']*'|"[^"]*")\s*[,)][\s+]*)?` +
		`('[^']*(?:'\s*\+\s*'[^']*)*|"[^"]*(?:"\s*\+\s*"[^"]*)*|[^'"&;\s,]+)?`),
	// An item may be cut short, or its type misspelt; what is all digits may be a
	// server's port, unless more follows.
	regexp.MustCompile(`(['",]\s*[^:'",]+:)()([^:'"]+)(:[ac][a-z]*t:)`),
	regexp.MustCompile(`(['",]\s*[^:'",/\s]+\.[^:'",/\s]+:)()([^:'"]*[^0-9:'"][^:'"]*)([:'"])`),
	regexp.MustCompile(`(['",]\s*[^:'",/\s]+\.[^:'",/\s]+:)()([0-9]+)(:[^:'"]*:)`),
	regexp.MustCompile(`(://[^:@/\s'"]*:)()([^\s'"]*)(@)`),
}

// masked is a line with stars in place of its secrets.
func masked(line string) string {
	for _, secret := range secrets {
		line = secret.ReplaceAllStringFunc(line, func(s string) string {
			m := append(secret.FindStringSubmatch(s), "")
			return m[1] + m[2] + tdsl.Stars(m[3]) + m[4]
		})
	}
	return line
}
