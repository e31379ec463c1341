package xmpp

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"mellium.im/xmpp/stream"
)

const (
	// maxAttributes is the number of attributes of a tag from which on its
	// stanza is not taken.
	maxAttributes = 64
	// maxKept bounds the attributes kept of a tag beyond that limit.
	maxKept = 4 * maxAttributes
	// longest is what a reference may have: &#x0010FFFF;
	longest = 12
)

// needed reports whether an attribute is needed to answer its stanza and to read
// on, however large the tag is.
func needed(name []byte) bool {
	switch string(name) {
	case "from", "to", "id", "type", "xml:lang":
		return true
	}
	_, ok := declared(name)
	return ok
}

// add adds an attribute to the start tag in hand. Of a tag with too many, those
// are kept that are needed.
func (s *scanner) add(a attribute) error {
	t := &s.tok
	name := t.part(a.name)
	for i := range t.attrs {
		if bytes.Equal(t.part(t.attrs[i].name), name) {
			return malformed(errors.New("an attribute is given twice"))
		}
	}
	if len(t.attrs) >= maxAttributes {
		if t.large = true; !needed(name) {
			return nil
		}
		if len(t.attrs) == maxKept {
			return stream.PolicyViolation
		}
	}
	t.attrs = append(t.attrs, a)
	t.colons = t.colons || a.prefixed
	return nil
}

// shorten takes out of the unfinished tag at pos what is not needed, so that a
// tag of any size can be read to its end in bounded memory. The buffer is a new
// one: open elements hold parts of the old.
func (s *scanner) shorten() error {
	b := s.buf[s.pos:]
	n, colon := name(b[1:])
	i := n + 1
	if b[0] != '<' || colon == badName || n > maxText {
		return stream.PolicyViolation
	}
	kept := append(make([]byte, 0, readSize), b[:i]...)
	for {
		for i < len(b) && space(b[i]) {
			i++
		}
		a, n, err := cutAttribute(b, i)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		if needed(b[a.name.from:a.name.to]) && n-i <= maxText*4 {
			kept = append(append(kept, ' '), b[i:n]...)
		}
		i = n
	}
	s.shortened = true
	kept = append(kept, ' ')
	rest := b[i:]
	if value := bytes.IndexAny(rest, `'"`); value >= 0 && len(rest) > maxToken/2 {
		// The value goes on: neither its beginning is needed nor its name.
		cut := boundary(rest[value+1:])
		if cut == 0 || !validText(rest[value+1:value+1+cut], true) {
			return malformed(errors.New("bad attribute value"))
		}
		kept = append(kept, '_', '=', rest[value])
		rest = rest[value+1+cut:]
	}
	if len(kept)+len(rest) > maxToken {
		return stream.PolicyViolation
	}
	s.buf, s.pos = append(kept, rest...), 0
	return nil
}

// divide is how much of a text without its end is taken at a time: nothing, as
// long as it may still fit.
func divide(b []byte) int {
	if len(b) < maxToken {
		return 0
	}
	return boundary(b)
}

// boundary is a place near the end of b where neither a character, a reference
// nor the end of a section is cut; 0 when there is none.
func boundary(b []byte) int {
	for n := len(b) - 2; n > len(b)/2; n-- {
		last, next := b[n-1], b[n]
		whole := next == '&' || bytes.IndexByte(b[n-longest:n], '&') < 0
		section := last == ']' && (next == '>' || next == ']' && b[n+1] != ']')
		if whole && !section && utf8.RuneStart(next) && (last != '\r' || next == '\r') {
			return n
		}
	}
	return 0
}
