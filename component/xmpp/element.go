package xmpp

import (
	"encoding/xml"
	"sync"

	"mellium.im/xmpp/stanza"
)

// Element is one top-level element of a stream.
type Element struct {
	Name         xml.Name
	From, To, ID string
	Type, Lang   string
	Text         string   // character data of an element without children, at most 1 KiB
	Child        xml.Name // name of the first child element
	Children     int
	Payload      []byte // XML of the child elements with the namespaces in scope
	// TooLarge means that the element has more bytes than MaxStanza, is nested
	// deeper than MaxDepth, or has a tag with more than 64 attributes. It was
	// read to its end, but the payload is not there.
	TooLarge bool

	marks []mark // of the payload's elements
	iq    IQ
	reply IQ
	home  *sync.Pool // of the reader that it came from
}

// largePayload is the size above which a payload's memory is not kept, in bytes.
const largePayload = 8 << 10

// IQ returns the element as an IQ, or nil when it is none.
func (e *Element) IQ() *IQ {
	if e.Name.Local != "iq" || !e.stanza() {
		return nil
	}
	e.iq = IQ{From: e.From, To: e.To, ID: e.ID, Lang: e.Lang, Type: stanza.IQType(e.Type),
		Name: e.Child, Children: e.Children, Payload: e.Payload, marks: e.marks, element: e}
	return &e.iq
}

// stanza reports whether the element stands in a namespace of stanzas: the
// stream's own, or jabber:client, as Tigase takes both alike.
func (e *Element) stanza() bool {
	return e.Name.Space == NSAccept || e.Name.Space == NSClient
}
