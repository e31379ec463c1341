package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/tdsl"
)

// lines are the lines of a file, for messages.
type lines []string

// newLines reads a file's lines; a file that cannot be read has none.
func newLines(name string) lines {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	return strings.Split(strings.ToValidUTF8(string(text), "\uFFFD"), "\n")
}

// printFinding prints a finding with its source line and a caret below its
// place.
func printFinding(w io.Writer, f beans.Finding, src lines) {
	fmt.Fprintf(w, "%s: %s: %s\n", f.Pos, f.Severity, f.Msg)
	if f.Pos.Line > 0 && f.Pos.Line <= len(src) {
		line, indent := excerpt(masked(src[f.Pos.Line-1]), f.Pos.Col)
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
	indent = strings.Map(func(r rune) rune {
		if r == '\t' { // stays, so that the caret stands below its place
			return r
		}
		return ' '
	}, front)
	return front + strings.Map(shownRune, string(after)) + trail, indent
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
	regexp.MustCompile(`(['"][^:'"]+:)()([^:'"]+)(:(?:connect|accept):)`),
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
