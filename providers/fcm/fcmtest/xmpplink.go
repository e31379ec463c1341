package fcmtest

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

const (
	xmppDomain = "fcm.googleapis.com"
	window     = 100 // messages without an answer on one connection
)

// xmppLink is one connection. The simulator's mutex guards it once it is logged
// in.
type xmppLink struct {
	server   *XMPP
	conn     net.Conn
	number   int             // 0: not logged in
	held     map[string]bool // ids without an answer
	order    []string        // of those whose acceptance is kept back
	draining bool
}

// serve logs a client in and takes its messages.
func (l *xmppLink) serve() {
	defer func() {
		l.conn.Close()
		s := l.server
		s.mu.Lock()
		defer s.mu.Unlock()
		s.links = slices.DeleteFunc(s.links, func(x *xmppLink) bool { return x == l })
	}()
	d := xml.NewDecoder(l.conn)
	if !l.login(d) {
		return
	}
	for {
		start, ok := next(d)
		if !ok {
			// The client has said goodbye, or is gone.
			_, _ = io.WriteString(l.conn, "</stream:stream>")
			return
		}
		var m struct {
			ID   string `xml:"id,attr"`
			JSON string `xml:"google:mobile:data gcm"`
		}
		if start.Name.Local != "message" || d.DecodeElement(&m, &start) != nil {
			l.server.fault(fmt.Errorf("a stanza <%s/> that is no message", start.Name.Local))
			return
		}
		if !l.take(m.ID, m.JSON) {
			return
		}
	}
}

// next reads up to the start of an element; false at the stream's end.
func next(d *xml.Decoder) (xml.StartElement, bool) {
	for {
		token, err := d.Token()
		switch t := token.(type) {
		case xml.StartElement:
			return t, true
		case xml.EndElement:
			return xml.StartElement{}, false
		}
		if err != nil {
			return xml.StartElement{}, false
		}
	}
}

// login does what comes before messages: stream, SASL, stream, resource.
func (l *xmppLink) login(d *xml.Decoder) bool {
	// Prefixes as Google's documentation shows them, and white space that a
	// client has to bear.
	header := `<?xml version="1.0"?>
<stream:stream from="` + xmppDomain + `" id="3" version="1.0" xmlns:stream="http://etherx.jabber.org/streams" xmlns="jabber:client">` + "\n"
	if start, ok := next(d); !ok || start.Name.Local != "stream" {
		return false
	}
	l.say(header + `<str:features xmlns:str="http://etherx.jabber.org/streams"><mechanisms xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><mechanism>X-OAUTH2</mechanism><mechanism>X-GOOGLE-TOKEN</mechanism><mechanism>PLAIN</mechanism></mechanisms></str:features>` + "\n")
	var auth struct {
		Mechanism string `xml:"mechanism,attr"`
		Text      string `xml:",chardata"`
	}
	start, ok := next(d)
	if !ok || d.DecodeElement(&auth, &start) != nil {
		return false
	}
	text, _ := base64.StdEncoding.DecodeString(auth.Text)
	s := l.server
	if auth.Mechanism != "PLAIN" || string(text) != "\x00"+s.sender+"@"+xmppDomain+"\x00"+s.key {
		s.mu.Lock()
		s.refused++
		s.mu.Unlock()
		l.say(`<failure xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><not-authorized/></failure></stream:stream>`)
		return false
	}
	l.say(`<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>` + "\n")
	if start, ok := next(d); !ok || start.Name.Local != "stream" {
		return false
	}
	l.say(header + `<str:features xmlns:str="http://etherx.jabber.org/streams"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/><session xmlns="urn:ietf:params:xml:ns:xmpp-session"/></str:features>` + "\n")
	var iq struct {
		ID string `xml:"id,attr"`
	}
	if start, ok = next(d); !ok || d.DecodeElement(&iq, &start) != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logins++
	l.number = s.logins
	l.say(fmt.Sprintf(`<iq type="result" id="%s"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><jid>%s@%s/%X</jid></bind></iq>`, iq.ID, s.sender, xmppDomain, l.number))
	return true
}

// say writes text; a client that has gone gets none, which reading finds.
func (l *xmppLink) say(text string) {
	_ = l.conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(l.conn, text)
}

// write writes a message; the JSON comes unescaped in a CDATA section, as
// Google's did.
func (l *xmppLink) write(message map[string]any) {
	if l.number == 0 {
		return
	}
	text, _ := json.Marshal(message)
	l.say(`<message><gcm xmlns="google:mobile:data"><![CDATA[` + string(text) + `]]></gcm></message>`)
}

// take takes what a client sends; false when the connection is to end.
func (l *xmppLink) take(id, text string) bool {
	var in struct {
		To       string            `json:"to"`
		ID       string            `json:"message_id"`
		Type     string            `json:"message_type"`
		Priority string            `json:"priority"`
		Life     *int              `json:"time_to_live"`
		DryRun   bool              `json:"dry_run"`
		Data     map[string]string `json:"data"`
	}
	err := json.Unmarshal([]byte(text), &in)
	s := l.server
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil || in.To == "" || in.ID == "":
		s.faults = append(s.faults, fmt.Errorf("message %s: %v", text, err))
		l.refuse(id, "InvalidJson: MissingTo or MissingMessageId")
		return true
	case in.Type == "ack":
		s.acks = append(s.acks, in.ID)
		return true
	case len(l.held) >= window:
		s.faults = append(s.faults, fmt.Errorf("more than %d messages without an answer on connection %d", window, l.number))
	}
	s.messages = append(s.messages, XMPPMessage{l.number, in.To, in.ID, in.Priority, in.Life, in.DryRun, in.Data, text})
	l.held[in.ID] = true
	return l.answer(id, in.To, in.ID)
}

// answer answers a message as the script says.
func (l *xmppLink) answer(stanza, to, id string) bool {
	a := l.server.scripted(to)
	switch {
	case a.Drop:
		return false
	case a.Silent:
		return true
	case a.Stanza:
		delete(l.held, id)
		l.refuse(stanza, a.Description)
		return true
	case l.draining && a.Error == "":
		a.Error = "CONNECTION_DRAINING"
	case l.server.hold:
		l.order = append(l.order, id)
		return true
	}
	reply := map[string]any{"message_type": "ack", "from": to, "message_id": id}
	if a.Error != "" {
		reply["message_type"], reply["error"], reply["error_description"] = "nack", a.Error, a.Description
	}
	delete(l.held, id)
	l.write(reply)
	return true
}

// release sends the acceptances that were kept back.
func (l *xmppLink) release() {
	for _, id := range l.order {
		delete(l.held, id)
		l.write(map[string]any{"message_type": "ack", "from": "", "message_id": id})
	}
	l.order = nil
}

// refuse refuses a stanza.
func (l *xmppLink) refuse(id, text string) {
	l.say(fmt.Sprintf(`<message id="%s" type="error"><error code="400" type="modify"><bad-request xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/><text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">%s</text></error></message>`, id, text))
}

func (s *XMPP) fault(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, err)
}
