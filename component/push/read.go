package push

import "github.com/tpush/tpush/component/xmpp"

// read reads a publish as encoding/xml would by the tags of the type, at a
// tenth of its cost: publishes are what this component has to do all day.
func (x *pubsubXML) read(q *xmpp.IQ) {
	for c := q.Walk(); c.Next(0); {
		for c.Next(1) {
			if !c.Is(nsPubSub, "publish") {
				continue
			}
			if x.Publish == nil {
				x.Publish = new(publishXML)
			}
			if node := c.Attr("node"); node != "" {
				x.Publish.Node = node
			}
			for c.Next(2) {
				if c.Is(nsPubSub, "item") {
					x.Publish.Items = append(x.Publish.Items, readItem(&c))
				}
			}
		}
	}
}

func readItem(c *xmpp.Cursor) (it itemXML) {
	for c.Next(3) {
		if !c.Is(nsPush, "notification") {
			continue
		}
		if it.Notification == nil {
			it.Notification = new(notificationXML)
		}
		for c.Next(4) {
			it.Notification.read(c)
		}
	}
	return it
}

// read reads one child of a notification.
func (x *notificationXML) read(c *xmpp.Cursor) {
	switch {
	case c.Is(nsData, "x"):
		if x.Form == nil {
			x.Form = &xmpp.Form{Fields: make([]xmpp.Field, 0, 4)}
		}
		for c.Next(5) {
			if c.Is("", "field") {
				x.Form.Fields = append(x.Form.Fields, readField(c))
			}
		}
	case c.Is("tigase:push:priority:0", "priority"):
		x.Priority = c.Text()
	case c.Is("http://tigase.org/protocol/muc#offline", "groupchat"):
		x.Groupchat = kept(x.Groupchat)
		for c.Next(5) {
			if c.Is("", "nickname") {
				x.Groupchat.Nickname = c.Text()
			}
		}
	case c.Is("tigase:push:encrypt:0", "encrypted"):
		x.Encrypted = kept(x.Encrypted)
		readAttr(c, "iv", &x.Encrypted.IV)
		readAttr(c, "type", &x.Encrypted.Type)
		x.Encrypted.Data = c.Text()
	case c.Is("tigase:push:jingle:0", "jingle"):
		x.Jingle = kept(x.Jingle)
		readAttr(c, "action", &x.Jingle.Action)
		readAttr(c, "sid", &x.Jingle.SID)
		x.Jingle.Media = readMedia(c, x.Jingle.Media)
	case c.Is("tigase:push:meet:0", "meet"):
		x.Meet = kept(x.Meet)
		readAttr(c, "id", &x.Meet.ID)
		x.Meet.Media = readMedia(c, x.Meet.Media)
	case c.Is("http://tigase.org/protocol/account#event", "event"):
		x.Event = kept(x.Event)
		readAttr(c, "name", &x.Event.Name)
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

// fieldNames are those of a notification's form (XEP-0357 section 6).
var fieldNames = [...]string{"FORM_TYPE", "message-count", "last-message-sender", "last-message-body", "pending-subscription-count"}

func readField(c *xmpp.Cursor) (f xmpp.Field) {
	for _, name := range fieldNames {
		if c.Has("var", name) {
			f.Var = name
			break
		}
	}
	if f.Var == "" {
		f.Var = c.Attr("var")
	}
	for c.Next(6) {
		if c.Is("", "value") {
			f.Values = append(f.Values, c.Text())
		}
	}
	return f
}
