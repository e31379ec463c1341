package tdsl

import (
	"bytes"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"
)

// Canonical returns the text of a file, laid out: four blanks for each level,
// one around the first = of an entry, no blanks at the ends of lines, one empty
// line at the most, line ends as \n. Comments, quotes, variables and
// calculations stay as they are written; and so does, where the layout would
// change the meaning, a line or the whole file. The error is [Errors] when the
// text is no configuration.
func Canonical(name, text string) (string, error) {
	before, err := meaning(name, text)
	if err != nil {
		return "", err
	}
	for _, keep := range []func(line) bool{
		func(line) bool { return false },
		line.calculates, // bare operands keep their blanks
	} {
		out := layOut(text, keep)
		if after, err := meaning(name, out); err == nil && bytes.Equal(before, after) {
			return out, nil
		}
	}
	return text, nil
}

// meaning is the tree as a text that two files share when they mean the same.
func meaning(name, text string) ([]byte, error) {
	f, err := Load(name, strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	return f.JSON(Env{})
}

// line is the tokens of one line; a quote may make it more than one line of
// text.
type line []token

type token struct {
	kind lexer.TokenType
	text string
}

// splitLines splits a file into lines, each without its line end.
func splitLines(text string) (out []line) {
	current := line{}
	for text != "" {
		kind, n := firstToken(text)
		tok := token{kind, text[:n]}
		text = text[n:]
		if tok.text == "\n" {
			out, current = append(out, current), line{}
		} else {
			current = append(current, tok)
		}
	}
	return append(out, current)
}

// calculates reports whether a line may hold a calculation.
func (l line) calculates() bool {
	for _, tok := range l {
		if len(tok.text) == 1 && strings.Contains("+-*/", tok.text) {
			return true
		}
	}
	return false
}

func (l line) text() string {
	var b strings.Builder
	for _, tok := range l {
		b.WriteString(tok.text)
	}
	return b.String()
}

// layOut writes the lines anew, but for those to keep.
func layOut(text string, keep func(line) bool) string {
	all := splitLines(text)
	var b strings.Builder
	depth, empty := 0, true // an empty line was written, or nothing yet
	for i, l := range all {
		closers, change := l.brackets()
		s := l.text()
		if !keep(l) {
			s = l.spaced()
		}
		last := i == len(all)-1
		switch {
		case s == "" && (empty || last):
			// at the most one, and none at the ends
		case s == "":
			b.WriteByte('\n')
			empty = true
		default:
			if !keep(l) {
				s = indent(max(0, depth-closers)) + s
			}
			b.WriteString(s)
			b.WriteByte('\n')
			empty = false
		}
		depth = max(0, depth+change)
	}
	out := b.String()
	if strings.HasSuffix(out, "\n\n") {
		out = out[:len(out)-1]
	}
	return out
}

// brackets counts the closing brackets that a line begins with, and by how much
// it changes the depth.
func (l line) brackets() (closers, change int) {
	leading := true
	for _, tok := range l {
		switch tok.text {
		case "{", "[", "(":
			change++
			leading = false
		case "}", "]", ")":
			change--
			if leading {
				closers++
			}
		default:
			leading = leading && trim(tok.text) == ""
		}
	}
	return closers, change
}

// spaced is a line without blanks at its ends, and with one on each side of its
// first = when that stands behind a key.
func (l line) spaced() string {
	for i, tok := range l {
		if tok.text == "=" {
			key, value := trim(l[:i].text()), trim(l[i+1:].text())
			return strings.TrimRight(key+" = "+value, " ")
		}
		if tok.kind != tokText && tok.kind != tokQuote && !strings.Contains("-+*/", tok.text) {
			break
		}
	}
	return trim(l.text())
}
