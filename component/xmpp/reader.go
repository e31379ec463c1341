package xmpp

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"

	"mellium.im/xmpp/stanza"
	"mellium.im/xmpp/stream"
)

const (
	// MaxStanza is the size in bytes from which on a stanza is not taken. No
	// server that was measured sends a tenth of it to a component.
	MaxStanza = 256 << 10
	// MaxDepth is how deep elements may be nested in a stanza.
	MaxDepth = 64

	maxText = 1 << 10
	// usualPayload is what a publish takes.
	usualPayload = 1 << 10
)

// Header is the start tag of a stream.
type Header struct {
	Namespace string // default namespace: jabber:component:accept
	From, To  string
	ID        string
}

// Element is one top-level element of a stream.
type Element struct {
	Name         xml.Name
	From, To, ID string
	Type, Lang   string
	Text         string   // character data of an element without children, at most 1 KiB
	Child        xml.Name // name of the first child element
	Children     int
	Payload      []byte // XML of the child elements with the namespaces in scope
	// TooLarge means that the element has more bytes than MaxStanza or is
	// nested deeper than MaxDepth. It was read to its end, but the payload is
	// not there.
	TooLarge bool
}

// IQ returns the element as an IQ, or nil when it is none.
func (e *Element) IQ() *IQ {
	if e.Name.Local != "iq" || !e.stanza() {
		return nil
	}
	return &IQ{From: e.From, To: e.To, ID: e.ID, Lang: e.Lang, Type: stanza.IQType(e.Type),
		Name: e.Child, Children: e.Children, Payload: e.Payload}
}

// stanza reports whether the element stands in a namespace of stanzas: the
// stream's own, or jabber:client, as Tigase takes both alike.
func (e *Element) stanza() bool {
	return e.Name.Space == NSAccept || e.Name.Space == NSClient
}

// reader yields what a peer sends: the stream's header, then one top-level
// element after another.
type reader struct {
	scan scanner
	ns   namespaces
	root string   // the stream's tag as it is written
	open [][]byte // tags of the elements that are open in a stanza

	// Of the child in hand: what is declared outside and not by itself, where it
	// begins in the payload, and how long its tag's name is.
	outside    []binding
	begin, tag int
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
		t, err := r.scan.next()
		switch {
		case err != nil:
			return Header{}, err
		case t.kind == text && !blank(t.data):
			return Header{}, malformed(errors.New("text before the stream header"))
		case t.kind == text:
			continue
		case t.kind != startTag:
			return Header{}, malformed(errors.New("no stream header"))
		}
		if err := r.ns.declare(t.attrs, streamDepth); err != nil {
			return Header{}, err
		}
		name, err := r.ns.element(t.name)
		if err != nil || name.Local != "stream" || name.Space != NSStream {
			return Header{}, stream.InvalidNamespace
		}
		r.root = string(t.name)
		var e Element
		e.setAttrs(t.attrs)
		uri, _ := r.ns.lookup(nil)
		return Header{Namespace: uri, From: e.From, To: e.To, ID: e.ID}, nil
	}
}

// next reads one element; io.EOF after the stream's end tag.
func (r *reader) next() (*Element, error) {
	for {
		r.scan.release()
		t, err := r.scan.next()
		if err != nil {
			return nil, err
		}
		switch t.kind {
		case startTag, emptyTag:
			return r.element(t)
		case endTag:
			if string(t.name) != r.root {
				return nil, malformed(errors.New("an end tag of nothing"))
			}
			return nil, io.EOF
		case text:
			if t.cdata || !blank(t.data) {
				return nil, malformed(errors.New("text between stanzas"))
			}
		}
	}
}

// element reads the rest of one top-level element.
func (r *reader) element(t token) (*Element, error) {
	r.open = r.open[:0]
	r.scan.outside = false
	defer func() {
		r.ns.leave(stanzaDepth)
		r.scan.outside = true
	}()
	e := &Element{}
	var err error
	if e.Name, err = r.enter(t, stanzaDepth); err != nil {
		return nil, err
	}
	e.setAttrs(t.attrs)
	if t.kind == emptyTag {
		return e, nil
	}
	r.open = append(r.open, t.name)
	var chars []byte
	for len(r.open) > 0 {
		t, err := r.scan.next()
		if err != nil {
			return nil, unexpected(err)
		}
		inside := len(r.open) > 1 // inside a child
		switch t.kind {
		case text:
			if !inside && e.Children == 0 && len(chars) < maxText {
				chars = append(chars, t.characters()...)
			}
		case endTag:
			err = r.leave(t)
		default:
			err = r.start(e, t)
		}
		if err != nil {
			return nil, err
		}
		if inside {
			e.add(t.raw)
		}
		if len(r.open) == 1 && t.kind != text {
			r.complete(e)
		}
		r.bound(e)
	}
	if e.Children == 0 {
		e.Text = string(chars[:min(len(chars), maxText)])
	}
	return e, nil
}

// start begins an element inside a stanza.
func (r *reader) start(e *Element, t token) error {
	depth := len(r.open) + 1
	var err error
	if len(r.open) == 1 {
		err = r.child(e, t)
	} else {
		_, err = r.enter(t, depth)
	}
	if t.kind == startTag {
		r.open = append(r.open, t.name)
	} else {
		r.ns.leave(depth)
	}
	return err
}

// add adds to the payload, as long as that is kept.
func (e *Element) add(raw []byte) {
	if !e.TooLarge {
		e.Payload = append(e.Payload, raw...)
	}
}

// bound lets go of what is too large, so that memory stays bounded.
func (r *reader) bound(e *Element) {
	if len(e.Payload) > MaxStanza || len(r.open) > MaxDepth {
		e.TooLarge, e.Payload = true, nil
	}
	if r.scan.pos < MaxStanza {
		return
	}
	for i := range r.open { // they point into what is let go
		r.open[i] = bytes.Clone(r.open[i])
	}
	r.scan.release()
}

// characters are a text's, whatever way they are written.
func (t *token) characters() string {
	if t.cdata {
		return string(bytes.ReplaceAll(t.data, []byte("\r\n"), []byte("\n")))
	}
	return plainText(t.data)
}

// enter takes the namespaces of a start tag into scope and returns its name.
func (r *reader) enter(t token, depth int) (xml.Name, error) {
	if err := r.ns.declare(t.attrs, depth); err != nil {
		return xml.Name{}, err
	}
	if err := r.ns.check(t.attrs); err != nil {
		return xml.Name{}, err
	}
	return r.ns.element(t.name)
}

// leave closes the innermost element.
func (r *reader) leave(t token) error {
	last := len(r.open) - 1
	if !bytes.Equal(r.open[last], t.name) {
		return malformed(errors.New("an end tag that does not fit"))
	}
	r.open = r.open[:last]
	r.ns.leave(last + 1)
	return nil
}

// child begins a child element and notes what it may take from outside.
func (r *reader) child(e *Element, t token) error {
	outer := len(r.ns.list)
	name, err := r.enter(t, len(r.open)+1)
	if err != nil {
		return err
	}
	e.Children++
	if e.Children == 1 {
		e.Child = name
		e.Payload = make([]byte, 0, usualPayload)
	}
	r.outside = r.outside[:0]
	for i, b := range r.ns.list[:outer] {
		if !declares(r.ns.list[i+1:], b.prefix) {
			r.outside = append(r.outside, b)
		}
	}
	r.begin, r.tag = len(e.Payload), len("<")+len(t.name)
	e.add(t.raw)
	return nil
}

// complete gives a child that has ended the declarations that it takes from
// outside: the default namespace, and the prefixes that occur in it.
func (r *reader) complete(e *Element) {
	if e.TooLarge {
		return
	}
	var extra []byte
	for _, b := range r.outside {
		switch {
		case b.prefix == "":
			extra = appendAttr(extra, "xmlns", b.uri)
		case bytes.Contains(e.Payload[r.begin:], []byte(b.prefix+":")):
			extra = appendAttr(extra, "xmlns:"+b.prefix, b.uri)
		}
	}
	if len(extra) > 0 {
		e.Payload = slices.Insert(e.Payload, r.begin+r.tag, extra...)
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

func (e *Element) setAttrs(attrs []attribute) {
	for _, a := range attrs {
		switch string(a.name) {
		case "from":
			e.From = attributeText(a.value)
		case "to":
			e.To = attributeText(a.value)
		case "id":
			e.ID = attributeText(a.value)
		case "type":
			e.Type = attributeText(a.value)
		case "xml:lang":
			e.Lang = attributeText(a.value)
		}
	}
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
