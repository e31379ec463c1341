package push

import (
	"strings"

	"github.com/tpush/tpush/component/xmpp"
)

// read reads a publish as encoding/xml would by tags (a test compares the two),
// at a tenth of its cost: publishes are what this component has to do all day.
func (x *publication) read(q *xmpp.IQ) {
	for c := q.Walk(); c.Next(0); {
		for c.Next(1) {
			if !c.Is(nsPubSub, "publish") {
				continue
			}
			x.there = true
			readAttr(&c, "node", &x.node)
			for c.Next(2) {
				if c.Is(nsPubSub, "item") && !x.pushes {
					x.readItem(&c)
				}
			}
		}
	}
}

func (x *publication) readItem(c *xmpp.Cursor) {
	for c.Next(3) {
		if !c.Is(nsPush, "notification") {
			continue
		}
		x.pushes = true
		for c.Next(4) {
			x.content.read(c)
		}
	}
}

// read reads one child of a notification.
func (x *content) read(c *xmpp.Cursor) {
	switch {
	case c.Is(nsData, "x"):
		for c.Next(5) {
			if c.Is("", "field") {
				x.form.read(c)
			}
		}
	case c.Is("tigase:push:priority:0", "priority"):
		x.priority = c.Text()
	case c.Is("http://tigase.org/protocol/muc#offline", "groupchat"):
		x.groupchat = kept(x.groupchat)
		for c.Next(5) {
			if c.Is("", "nickname") {
				x.groupchat.nickname = c.Text()
			}
		}
	case c.Is("tigase:push:encrypt:0", "encrypted"):
		x.encrypted = kept(x.encrypted)
		readAttr(c, "iv", &x.encrypted.iv)
		readAttr(c, "type", &x.encrypted.kind)
		x.encrypted.data = c.Text()
	case c.Is("tigase:push:jingle:0", "jingle"):
		x.jingle = kept(x.jingle)
		readAttr(c, "action", &x.jingle.action)
		readAttr(c, "sid", &x.jingle.sid)
		x.jingle.media = readMedia(c, x.jingle.media)
	case c.Is("tigase:push:meet:0", "meet"):
		x.meet = kept(x.meet)
		readAttr(c, "id", &x.meet.id)
		x.meet.media = readMedia(c, x.meet.media)
	case c.Is("http://tigase.org/protocol/account#event", "event"):
		x.event = kept(x.event)
		readAttr(c, "name", &x.event.name)
	}
}

// read reads a field, if it is one of those that count (XEP-0357 section 6).
func (s *formSummary) read(c *xmpp.Cursor) {
	var into *formValue
	switch {
	case c.Has("var", "FORM_TYPE"):
		into = &s.kind
	case c.Has("var", "message-count"):
		into = &s.count
	case c.Has("var", "last-message-sender"):
		into = &s.sender
	case c.Has("var", "last-message-body"):
		into = &s.body
	default:
		return
	}
	for c.Next(6) {
		if !into.there && c.Is("", "value") {
			*into = formValue{c.Text(), true}
		}
	}
	if into != &s.body {
		into.text = strings.TrimSpace(into.text)
	}
}

// kept returns what is there already, or a new one: an element that comes twice
// adds to what was read.
func kept[T any](x *T) *T {
	if x == nil {
		x = new(T)
	}
	return x
}

func readAttr(c *xmpp.Cursor, name string, into *string) {
	if value := c.Attr(name); value != "" {
		*into = value
	}
}

// readMedia reads the media of a call at depth 5.
func readMedia(c *xmpp.Cursor, media []string) []string {
	for c.Next(5) {
		if c.Is("", "media") {
			media = append(media, c.Text())
		}
	}
	return media
}
