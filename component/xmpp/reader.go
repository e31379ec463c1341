package xmpp

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"

	"mellium.im/xmpp/stanza"
	"mellium.im/xmpp/stream"
)

const (
	// MaxStanza is the size in bytes from which on a stanza is refused. No
	// server that was measured sends a tenth of it to a component.
	MaxStanza = 256 << 10
	// MaxDepth is how deep elements may be nested in a stanza.
	MaxDepth = 64

	maxText = 1 << 10
	nsXML   = "http://www.w3.org/XML/1998/namespace"
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
// element after another. It reads through encoding/xml and hands each payload
// on as bytes.
type reader struct {
	src     *recorder
	dec     *xml.Decoder
	prefix  map[string]string // namespaces declared on the stream's header
	dropped int64             // offset of the recorder's first byte
}

func newReader(r io.Reader) *reader {
	src := &recorder{r: r}
	return &reader{src: src, dec: xml.NewDecoder(src)}
}

// header reads up to the stream's start tag. An XML declaration and white
// space may come before it.
func (r *reader) header() (Header, error) {
	for {
		tok, err := r.token()
		if err != nil {
			return Header{}, err
		}
		switch t := tok.(type) {
		case xml.ProcInst:
			if t.Target != "xml" {
				return Header{}, restricted()
			}
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return Header{}, malformed(errors.New("text before the stream header"))
			}
		case xml.StartElement:
			if t.Name.Local != "stream" || t.Name.Space != NSStream {
				return Header{}, stream.InvalidNamespace
			}
			r.prefix = map[string]string{}
			declare(r.prefix, t.Attr)
			h := Header{Namespace: r.prefix[""]}
			for _, a := range t.Attr {
				switch a.Name {
				case xml.Name{Local: "from"}:
					h.From = a.Value
				case xml.Name{Local: "to"}:
					h.To = a.Value
				case xml.Name{Local: "id"}:
					h.ID = a.Value
				}
			}
			r.release()
			return h, nil
		default:
			return Header{}, restricted()
		}
	}
}

// next reads one element; io.EOF after the stream's end tag.
func (r *reader) next() (*Element, error) {
	for {
		r.release()
		tok, err := r.token()
		if err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			return r.element(t)
		case xml.EndElement:
			return nil, io.EOF
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return nil, malformed(errors.New("text between stanzas"))
			}
		default:
			return nil, restricted()
		}
	}
}

// element reads the rest of one top-level element.
func (r *reader) element(start xml.StartElement) (*Element, error) {
	e := &Element{Name: start.Name}
	e.setAttrs(start.Attr)
	scope := declare(clone(r.prefix), start.Attr)
	var text []byte
	for begin := r.dec.InputOffset(); ; begin = r.dec.InputOffset() {
		tok, err := r.token()
		if err != nil {
			return nil, unexpected(err)
		}
		switch t := tok.(type) {
		case xml.StartElement:
			e.Children++
			if e.Children == 1 {
				e.Child = t.Name
			}
			if err := r.child(e, t, scope, begin); err != nil {
				return nil, err
			}
		case xml.EndElement:
			if e.Children == 0 {
				e.Text = string(text)
			}
			return e, nil
		case xml.CharData:
			if len(text) < maxText {
				text = append(text, t[:min(len(t), maxText-len(text))]...)
			}
		default:
			return nil, restricted()
		}
	}
}

// child reads one child element to its end and appends its bytes to the
// payload. The start tag gets the declarations that it takes from outside.
func (r *reader) child(e *Element, start xml.StartElement, scope map[string]string, begin int64) error {
	for depth := 1; depth > 0; {
		tok, err := r.token()
		if err != nil {
			return unexpected(err)
		}
		switch tok.(type) {
		case xml.StartElement:
			if depth++; depth >= MaxDepth {
				return stream.PolicyViolation
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
		default:
			return restricted()
		}
	}
	raw := r.src.buf[begin-r.dropped : r.dec.InputOffset()-r.dropped]
	name := bytes.IndexAny(raw, " \t\r\n/>")
	e.Payload = append(e.Payload, raw[:name]...)
	own := declare(map[string]string{}, start.Attr)
	for prefix, uri := range scope {
		if _, ok := own[prefix]; ok || !needed(raw, prefix) {
			continue
		}
		attr := "xmlns"
		if prefix != "" {
			attr += ":" + prefix
		}
		e.Payload = appendAttr(e.Payload, attr, uri)
	}
	e.Payload = append(e.Payload, raw[name:]...)
	return nil
}

// needed reports whether a child may use a prefix that is declared around it.
// The default namespace always counts.
func needed(raw []byte, prefix string) bool {
	return prefix == "" || bytes.Contains(raw, []byte(prefix+":"))
}

func (e *Element) setAttrs(attrs []xml.Attr) {
	for _, a := range attrs {
		switch a.Name {
		case xml.Name{Local: "from"}:
			e.From = a.Value
		case xml.Name{Local: "to"}:
			e.To = a.Value
		case xml.Name{Local: "id"}:
			e.ID = a.Value
		case xml.Name{Local: "type"}:
			e.Type = a.Value
		case xml.Name{Space: nsXML, Local: "lang"}:
			e.Lang = a.Value
		}
	}
}

// declare adds the namespace declarations among attrs to m.
func declare(m map[string]string, attrs []xml.Attr) map[string]string {
	for _, a := range attrs {
		switch {
		case a.Name.Space == "xmlns":
			m[a.Name.Local] = a.Value
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			m[""] = a.Value
		}
	}
	return m
}

func clone(m map[string]string) map[string]string {
	c := make(map[string]string, len(m)+1)
	for k, v := range m {
		c[k] = v
	}
	return c
}

// token reads one token and sorts the errors: what is wrong with the XML is a
// stream error that the peer is told, the rest is the connection's.
func (r *reader) token() (xml.Token, error) {
	tok, err := r.dec.Token()
	if err == nil {
		return tok, nil
	}
	if r.src.err != nil {
		return nil, r.src.err
	}
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	return nil, malformed(err)
}

// release forgets the bytes that were read so far.
func (r *reader) release() {
	off := r.dec.InputOffset()
	r.src.drop(int(off - r.dropped))
	r.dropped = off
}

func restricted() error { return stream.RestrictedXML }

func malformed(err error) error { return fmt.Errorf("%w: %w", stream.NotWellFormed, err) }

// unexpected turns an end of the input in the middle of an element into an
// error of its own.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
