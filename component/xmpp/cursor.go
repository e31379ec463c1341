package xmpp

import (
	"bytes"
	"strings"
)

// mark is where an element stands in a payload, noted while that was scanned.
type mark struct {
	space string // its namespace
	// Offsets in the payload: of the <, behind the tag's name, behind its >.
	begin, named, end uint32
	depth             uint8 // 1 for a child of the stanza
	prefix            uint8 // length of the name's prefix with its colon
	empty             bool  // the tag is its own end
}

// Cursor walks over the elements of a payload, by what was noted when its
// stanza was scanned: nothing is scanned again, and nothing is allocated but the
// texts it returns. It walks like this:
//
//	for c := q.Walk(); c.Next(0); {  // the payload's root
//		for c.Next(1) {          // its children
//			if c.Is(ns, "a") { … }
//		}
//	}
type Cursor struct {
	payload []byte
	marks   []mark // from the next element on
	at      *mark  // the element; nil before the root
}

// Walk returns a cursor in front of the payload. A payload that did not come
// from a stream is scanned first; an ill-formed one counts as empty.
func (q *IQ) Walk() Cursor {
	if len(q.Payload) > 0 && q.marks == nil {
		open := "<stream:stream xmlns:stream='" + NSStream + "'><iq>"
		r := newReader(strings.NewReader(open + string(q.Payload) + "</iq>"))
		if _, err := r.header(); err != nil {
			return Cursor{}
		}
		e, err := r.next()
		if err != nil {
			return Cursor{}
		}
		return Cursor{payload: e.Payload, marks: e.marks}
	}
	return Cursor{payload: q.Payload, marks: q.marks}
}

// Next moves to the next element at depth+1, whose parent is at depth; false
// when the parent has ended. What is deeper is passed over.
func (c *Cursor) Next(depth int) bool {
	for i := range c.marks {
		m := &c.marks[i]
		switch d := int(m.depth); {
		case d <= depth:
			c.marks = c.marks[i:]
			return false
		case d == depth+1:
			c.at, c.marks = m, c.marks[i+1:]
			return true
		}
	}
	c.marks = nil
	return false
}

// Is reports whether the element has a name; an empty space stands for any
// namespace.
func (c *Cursor) Is(space, local string) bool {
	m := c.at
	return string(c.payload[m.begin+1+uint32(m.prefix):m.named]) == local && (space == "" || m.space == space)
}

// attr returns the value of an attribute as it is written.
func (c *Cursor) attr(name string) (value []byte, ok bool) {
	tag := c.payload[c.at.named:c.at.end]
	for i := 0; ; {
		for i < len(tag) && space(tag[i]) {
			i++
		}
		a, n, err := cutAttribute(tag, i)
		if n == 0 || err != nil {
			return nil, false
		}
		if string(tag[a.name.from:a.name.to]) == name {
			return tag[a.value.from:a.value.to], true
		}
		i = n
	}
}

// Attr returns the value of an attribute without a namespace; empty when it is
// not there.
func (c *Cursor) Attr(name string) string {
	value, _ := c.attr(name)
	return attributeText(value)
}

// Has reports whether an attribute is there and has a value.
func (c *Cursor) Has(name, value string) bool {
	raw, ok := c.attr(name)
	return ok && (string(raw) == value || plainLength(raw) < len(raw) && attributeText(raw) == value)
}

// HasText reports whether Text is value.
func (c *Cursor) HasText(value string) bool {
	if rest := c.payload[c.at.end:]; len(rest) > len(value)+1 && string(rest[:len(value)]) == value && rest[len(value)] == '<' && rest[len(value)+1] == '/' {
		return !c.at.empty
	}
	return c.Text() == value
}

// Text returns the character data of the element, without that of its children.
func (c *Cursor) Text() string {
	if c.at.empty {
		return ""
	}
	rest := c.payload[c.at.end:]
	if n := bytes.IndexByte(rest, '<'); n >= 0 && n+1 < len(rest) && rest[n+1] == '/' {
		return plainText(rest[:n])
	}
	var all []byte
	s := scanner{buf: rest, begun: true}
	for depth := 0; depth >= 0; {
		t, err := s.next(nil)
		if err != nil {
			return "" // not in what a stream's scanner accepted
		}
		switch {
		case t.kind == text && depth == 0:
			all = append(all, t.characters()...)
		case t.kind == startTag:
			depth++
		case t.kind == endTag:
			depth--
		}
	}
	return string(all)
}
