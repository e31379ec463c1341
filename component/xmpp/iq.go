package xmpp

import (
	"encoding/xml"
	"fmt"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// Stanza is what can be written to a stream.
type Stanza interface {
	// Sender is the address the stanza is from; its domain decides on which
	// connection it may leave.
	Sender() string
	// Append appends the stanza's XML to b. It writes no xmlns on the stanza
	// itself: Prosody loses stanzas that carry jabber:client.
	Append(b []byte) []byte
}

// IQ is one request or answer (RFC 6120 section 8.2.3).
type IQ struct {
	// From and To are verbatim: answers must repeat them byte for byte.
	From, To string
	ID       string
	Lang     string // xml:lang; may be empty
	Type     stanza.IQType
	// Name is the payload's, the zero Name when there is none.
	Name xml.Name
	// Children counts the child elements; a request has exactly one.
	Children int
	// Payload is the XML of the child elements, complete with the namespaces
	// that were declared around them.
	Payload []byte
	// Error is what an answer of type error says, beside the payload.
	Error *stanza.Error

	marks   []mark   // of the payload's elements, if it came from a stream
	element *Element // the same
}

// Free gives the memory of a request that came from a stream back for those to
// come. The request, its payload and its answer must not be used any more; its
// texts may be.
func (q *IQ) Free() {
	e := q.element
	if e == nil || e.home == nil {
		return
	}
	home := e.home
	if e.home = nil; cap(e.Payload) <= largePayload {
		home.Put(e)
	}
}

var _ Stanza = (*IQ)(nil)

// FromJID returns the parsed sender. Addresses are parsed where they are
// needed only: one that cannot be parsed must never end a stream.
func (q *IQ) FromJID() (jid.JID, error) { return parse("from", q.From) }

// ToJID returns the parsed receiver.
func (q *IQ) ToJID() (jid.JID, error) { return parse("to", q.To) }

func parse(attr, address string) (jid.JID, error) {
	j, err := jid.Parse(address)
	if err != nil {
		return jid.JID{}, fmt.Errorf("parse %q attribute: %w", attr, err)
	}
	return j, nil
}

// Request reports whether the IQ wants an answer: type get or set.
func (q *IQ) Request() bool { return q.Type == stanza.GetIQ || q.Type == stanza.SetIQ }

// Answer reports whether the IQ is an answer, to which nothing is said: type
// result or error. One without a type, or of an unknown one, is neither this nor
// a request.
func (q *IQ) Answer() bool { return q.Type == stanza.ResultIQ || q.Type == stanza.ErrorIQ }

// Decode reads the payload into v, as [xml.Unmarshal] does.
func (q *IQ) Decode(v any) error {
	if err := xml.Unmarshal(q.Payload, v); err != nil {
		return fmt.Errorf("read payload: %w", err)
	}
	return nil
}

// Result returns the answer of type result, in the memory that a request from a
// stream has for its one answer: addresses swapped, the same id and
// language. The payload is anything that [xml.Marshal] takes, or nil for an
// empty result; one that cannot be marshalled becomes an error answer.
func (q *IQ) Result(payload any) *IQ {
	r := q.reply(stanza.ResultIQ)
	if payload == nil {
		return r
	}
	b, err := xml.Marshal(payload)
	if err != nil {
		return q.Fail(stanza.Error{Type: stanza.Wait, Condition: stanza.InternalServerError})
	}
	r.Payload = b
	return r
}

// maxRepeated is how large a request's child may be, in bytes, to be repeated in
// an error: the answer must not have more than the server takes (Prosody ends the
// stream at 512 KiB).
const maxRepeated = MaxStanza / 2

// Fail returns the answer of type error. It repeats the request's child, as
// Tigase does, unless it is large, and adds the legacy code attribute (XEP-0086). It is not to stand
// inline, where its errors would lie on the stack of each push in work.
//
//go:noinline
func (q *IQ) Fail(e stanza.Error) *IQ {
	r := q.reply(stanza.ErrorIQ)
	r.Name = q.Name
	if len(q.Payload) <= maxRepeated {
		r.Children, r.Payload = q.Children, q.Payload
	}
	r.Error = &e
	return r
}

func (q *IQ) reply(t stanza.IQType) *IQ {
	var r *IQ
	if q.element != nil {
		r = &q.element.reply
	} else {
		r = new(IQ)
	}
	*r = IQ{From: q.To, To: q.From, ID: q.ID, Lang: q.Lang, Type: t}
	return r
}

// Sender returns the from address.
func (q *IQ) Sender() string { return q.From }

// Append appends the IQ's XML to b.
func (q *IQ) Append(b []byte) []byte {
	b = append(b, "<iq"...)
	b = appendAttr(b, "type", string(q.Type))
	b = appendHead(b, q.ID, q.From, q.To, q.Lang)
	if len(q.Payload) == 0 && q.Error == nil {
		return append(b, "/>"...)
	}
	b = append(b, '>')
	b = append(b, q.Payload...)
	if q.Error != nil {
		b = appendError(b, q.Error)
	}
	return append(b, "</iq>"...)
}

// Message is a message that is sent unasked, with content that is XML.
type Message struct {
	From, To string
	Type     stanza.MessageType
	Payload  []byte
}

var _ Stanza = (*Message)(nil)

// Sender returns the from address.
func (m *Message) Sender() string { return m.From }

// Append appends the message's XML to b.
func (m *Message) Append(b []byte) []byte {
	b = append(b, "<message"...)
	if m.Type != "" {
		b = appendAttr(b, "type", string(m.Type))
	}
	b = appendHead(b, "", m.From, m.To, "")
	b = append(b, '>')
	b = append(b, m.Payload...)
	return append(b, "</message>"...)
}

// appendHead writes the common attributes. From and to are always there:
// Tigase discards stanzas without to, ejabberd ends the stream for either. An
// id that the request did not have stays away.
func appendHead(b []byte, id, from, to, lang string) []byte {
	if id != "" {
		b = appendAttr(b, "id", id)
	}
	b = appendAttr(b, "from", from)
	b = appendAttr(b, "to", to)
	if lang != "" {
		b = appendAttr(b, "xml:lang", lang)
	}
	return b
}
