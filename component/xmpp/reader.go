package xmpp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"mellium.im/xmpp/stream"
)

const (
	// MaxStanza is the size in bytes from which on a stanza is not taken: the
	// same as Prosody's for components.
	MaxStanza = 512 << 10
	// MaxDepth is how deep elements may be nested in a stanza.
	MaxDepth = 64

	maxText = 1 << 10
)

// Header is the start tag of a stream.
type Header struct {
	Namespace string // default namespace: jabber:component:accept
	From, To  string
	ID        string
}

// reader yields what a peer sends: the stream's header, then one top-level
// element after another.
type reader struct {
	scan scanner
	ns   namespaces
	root string // the stream's tag as it is written

	// The elements that are open in a stanza: their tags, one behind the other,
	// and where each ends.
	names []byte
	open  []int

	// Of the child in hand: what is declared outside and not by itself, where it
	// begins in the scanner's buffer, how long its tag's name is, and whether a
	// name in it has a prefix.
	outside    []binding
	begin, tag int
	prefixed   bool
	first      int // its mark

	marks []mark // of the elements in a stanza

	chars []byte // scratch for the texts of one element

	spare sync.Pool // of *Element, given back with [IQ.Free]
}

func newReader(r io.Reader) *reader { return &reader{scan: scanner{in: r, outside: true}} }

// Depths of namespace declarations.
const (
	streamDepth = 0
	stanzaDepth = 1
)

// header reads up to the stream's start tag. An XML declaration and white
// space may come before it.
func (r *reader) header() (Header, error) {
	for {
		t, err := r.scan.next(nil)
		switch {
		case err != nil:
			return Header{}, err
		case t.kind == text && !blank(t.data()):
			return Header{}, malformed(errors.New("text before the stream header"))
		case t.kind == text:
			continue
		case t.kind != startTag:
			return Header{}, malformed(errors.New("no stream header"))
		}
		if err := r.ns.enter(t, streamDepth); err != nil {
			return Header{}, stream.InvalidNamespace
		}
		if name := r.ns.element(t); name.Local != "stream" || name.Space != NSStream {
			return Header{}, stream.InvalidNamespace
		}
		r.root = string(t.name())
		var e Element
		r.head(&e, t)
		uri, _ := r.ns.lookup(nil)
		return Header{Namespace: uri, From: e.From, To: e.To, ID: e.ID}, nil
	}
}

// next reads one element; io.EOF after the stream's end tag.
func (r *reader) next() (*Element, error) {
	for {
		if r.scan.pos > readSize/2 {
			r.scan.release()
		}
		t, err := r.scan.next(nil)
		if err != nil {
			return nil, err
		}
		switch t.kind {
		case startTag, emptyTag:
			return r.element(t)
		case endTag:
			if string(t.name()) != r.root {
				return nil, malformed(errors.New("an end tag of nothing"))
			}
			return nil, io.EOF
		case text:
			if t.cdata || !blank(t.data()) {
				return nil, malformed(errors.New("text between stanzas"))
			}
		}
	}
}

// element reads the rest of one top-level element.
func (r *reader) element(t *token) (*Element, error) {
	r.open, r.names, r.chars, r.marks = r.open[:0], r.names[:0], r.chars[:0], r.marks[:0]
	r.scan.outside = false
	defer func() {
		r.ns.leave(stanzaDepth)
		r.scan.outside = true
	}()
	e := r.fresh()
	e.TooLarge = t.large
	if err := r.ns.enter(t, stanzaDepth); err != nil {
		return nil, err
	}
	e.Name = r.ns.element(t)
	r.head(e, t)
	if t.kind == emptyTag {
		return e, nil
	}
	r.push(t)
	for len(r.open) > 0 {
		before := r.scan.pos
		t, err := r.scan.next(r.innermost())
		if err != nil {
			return nil, unexpected(err)
		}
		switch t.kind {
		case text:
			if len(r.open) == 1 && e.Children == 0 && len(r.chars) < maxText {
				r.chars = append(r.chars, t.characters()...)
			}
			r.bound(e)
			continue
		case endTag:
			err = r.leave(t)
		default:
			err = r.start(e, t, before)
		}
		if err != nil {
			return nil, err
		}
		if len(r.open) == 1 {
			r.complete(e)
		}
		r.bound(e)
	}
	if e.Children == 0 {
		e.Text = string(r.chars[:min(len(r.chars), maxText)])
	} else if !e.TooLarge {
		e.marks = append(e.marks, r.marks...)
	}
	return e, nil
}

// fresh returns an empty element, with the memory of an old one.
func (r *reader) fresh() *Element {
	e, ok := r.spare.Get().(*Element)
	if !ok {
		return &Element{home: &r.spare}
	}
	*e = Element{home: &r.spare, Payload: e.Payload[:0], marks: e.marks[:0]}
	return e
}

// start begins an element inside a stanza, whose tag is at a place in the
// scanner's buffer.
func (r *reader) start(e *Element, t *token, at int) error {
	depth := len(r.open) + 1
	e.TooLarge = e.TooLarge || t.large
	outer := len(r.ns.list)
	if err := r.ns.enter(t, depth); err != nil {
		return err
	}
	if depth == stanzaDepth+1 {
		r.child(e, t, at, outer)
	}
	r.prefixed = r.prefixed || t.colons
	if !e.TooLarge {
		r.mark(t, at, depth-stanzaDepth)
	}
	if t.kind == startTag {
		r.push(t)
	} else {
		r.ns.leave(depth)
	}
	return nil
}

// bound lets go of what is too large, so that memory stays bounded.
func (r *reader) bound(e *Element) {
	if len(r.open) > MaxDepth || r.scan.pos > MaxStanza && len(e.Payload)+r.scan.pos-r.begin > MaxStanza {
		e.TooLarge, e.Payload = true, nil
	}
	if !e.TooLarge || r.scan.pos < 2*readSize {
		return
	}
	r.scan.release()
	r.begin = 0
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// characters are a text's, whatever way they are written.
func (t *token) characters() string {
	if t.cdata {
		return lineEnds.Replace(string(t.data()))
	}
	return plainText(t.data())
}

// innermost is the tag of the innermost open element.
func (r *reader) innermost() []byte {
	begin := 0
	if n := len(r.open); n > 1 {
		begin = r.open[n-2]
	}
	return r.names[begin:]
}

// push opens an element.
func (r *reader) push(t *token) {
	r.names = append(r.names, t.name()...)
	r.open = append(r.open, len(r.names))
}

// leave closes the innermost element.
func (r *reader) leave(t *token) error {
	innermost := r.innermost()
	if !bytes.Equal(innermost, t.name()) {
		return malformed(errors.New("an end tag that does not fit"))
	}
	r.names = r.names[:len(r.names)-len(innermost)]
	r.open = r.open[:len(r.open)-1]
	r.ns.leave(len(r.open) + stanzaDepth)
	return nil
}

// child begins a child element and notes what it may take from outside: of all
// declarations, the first so many are.
func (r *reader) child(e *Element, t *token, at, outer int) {
	if e.Children++; e.Children == 1 {
		e.Child = r.ns.element(t)
	}
	r.outside = r.outside[:0]
	for i, b := range r.ns.list[:outer] {
		if !declares(r.ns.list[i+1:], b.prefix) {
			r.outside = append(r.outside, b)
		}
	}
	r.begin, r.tag, r.prefixed, r.first = at, len("<")+len(t.name()), false, len(r.marks)
}

// mark notes where an element stands, for now in the scanner's buffer.
func (r *reader) mark(t *token, at, depth int) {
	named := uint32(at + len("<") + len(t.name()))
	m := mark{begin: uint32(at), named: named, end: uint32(r.scan.pos), space: r.ns.space(t), depth: uint8(depth), empty: t.kind == emptyTag}
	if t.colon > 0 {
		// A prefix is shorter than any limit here, but for one that is not used.
		m.prefix = uint8(min(t.colon+1, 255))
	}
	r.marks = append(r.marks, m)
}

// complete adds a child that has ended to the payload, with the declarations
// that it takes from outside: the default namespace, and the prefixes that
// occur in it.
func (r *reader) complete(e *Element) {
	if e.TooLarge {
		return
	}
	child := r.scan.buf[r.begin:r.scan.pos]
	var extra []byte
	for _, b := range r.outside {
		switch {
		case b.prefix == "":
			extra = appendAttr(extra, "xmlns", b.uri)
		case r.prefixed && bytes.Contains(child, []byte(b.prefix+":")):
			extra = appendAttr(extra, "xmlns:"+b.prefix, b.uri)
		}
	}
	r.settle(len(e.Payload), len(extra))
	if len(extra) == 0 {
		e.Payload = append(e.Payload, child...)
		return
	}
	e.Payload = append(e.Payload, child[:r.tag]...)
	e.Payload = append(e.Payload, extra...)
	e.Payload = append(e.Payload, child[r.tag:]...)
}

// settle makes the marks of the child in hand those in the payload, where it
// begins at a place and has something put in behind its tag's name.
func (r *reader) settle(place, put int) {
	shift := uint32(place - r.begin)
	for i := range r.marks[r.first:] {
		m := &r.marks[r.first+i]
		m.begin, m.named, m.end = m.begin+shift, m.named+shift, m.end+shift+uint32(put)
		if i > 0 {
			m.begin, m.named = m.begin+uint32(put), m.named+uint32(put)
		}
	}
}

// declares reports whether a prefix is among declarations.
func declares(list []binding, prefix string) bool {
	for i := range list {
		if list[i].prefix == prefix {
			return true
		}
	}
	return false
}

// head takes the attributes of a stanza. They share one string.
func (r *reader) head(e *Element, t *token) {
	type part struct {
		of       *string
		from, to int
	}
	var parts [5]part
	n := 0
	b := r.chars[:0]
	for i := range t.attrs {
		var of *string
		switch string(t.part(t.attrs[i].name)) {
		case "from":
			of = &e.From
		case "to":
			of = &e.To
		case "id":
			of = &e.ID
		case "type":
			of = &e.Type
		case "xml:lang":
			of = &e.Lang
		default:
			continue
		}
		begin := len(b)
		b = appendAttributeText(b, t.part(t.attrs[i].value))
		parts[n] = part{of, begin, len(b)}
		n++
	}
	all := string(b)
	for _, p := range parts[:n] {
		*p.of = all[p.from:p.to]
	}
	r.chars = b[:0]
}

func malformed(err error) error { return fmt.Errorf("%w: %w", stream.NotWellFormed, err) }

// unexpected turns an end of the input in the middle of an element into an
// error of its own.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
