package apns

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/tpush/tpush/providers"
)

// Sizes of push payloads in bytes (Apple, "Generating a remote notification").
const (
	maxPayload     = 4096
	maxVoIPPayload = 5120
)

// Push types and priorities (Apple, "Sending notification requests to APNs").
const (
	typeAlert      = "alert"
	typeBackground = "background"
	typeVoIP       = "voip"

	priorityNow   = 10
	prioritySaver = 5 // the only one for background pushes
)

const (
	// leastAlert is what stays of an alert, in characters, when the payload is
	// too large: more than a phone shows of it when it is locked.
	leastAlert = 128
	// mostOfCharacter is how many bytes a character may take in JSON.
	mostOfCharacter = 6
)

// voipSuffix makes the topic for calls from the app's bundle id.
const voipSuffix = ".voip"

// maxCollapse is the length of a collapse id in bytes.
const maxCollapse = 64

// callLife is how long a call's push is of use.
const callLife = 30 * time.Second

// message is one push, ready to be sent.
type message struct {
	second     bool // with the identity and to the token for calls
	token      string
	topic      string
	pushType   string
	priority   int
	expiration time.Time // zero: do not store
	id         string
	collapse   string
	until      time.Time // when the attempt to send it is to be over; zero: when its context says
	payload    []byte
}

// reset makes it an empty message, with the memory of the last one's payload.
func (m *message) reset() { *m = message{payload: m.payload[:0]} }

// style is what the configuration decides of a push.
type style struct {
	topic      string
	alertText  string
	expiration time.Duration
	guide      bool
	calls      bool // VoIP pushes can be sent
}

// compose turns a notification into a push. The cases, in their order, are the
// decision table of the reference (xmpp §7.4). Never are an alert and
// content-available combined: Siskin would show the message twice.
func (s *style) compose(m *message, to *providers.Target, n *providers.Notification, now time.Time) {
	m.reset()
	m.token, m.topic, m.id, m.until, m.expiration = to.Token, s.topic, n.ID, to.Until, s.expires(now)
	c := &content{Account: n.Account}
	switch {
	case s.guide:
		s.literally(c, n)
		m.background()
	case n.Event == "account-removed":
		// No mutable-content: the app would replace the text by its own.
		c.Aps = aps{Alert: "Account removed from the server", Sound: "default"}
		m.alert(n)
	case n.Fetched():
		c.Unread = n.Count
		c.Aps.Available = 1
		m.background()
	case s.isCall(to, n):
		m.second, m.token, m.topic = true, to.SecondToken, s.topic+voipSuffix
		m.pushType, m.priority, m.expiration = typeVoIP, priorityNow, now.Add(callLife)
		c.Encrypted, c.IV = n.Encrypted.Data, n.Encrypted.IV
		if m.payload = encode(m.payload, c); len(m.payload) <= maxVoIPPayload {
			return
		}
		alert := *to
		alert.SecondToken = "" // too large to ring: the alert at least
		s.compose(m, &alert, n, now)
		return
	case silent(n):
		m.background()
		c.Aps.Available = 1
		s.fill(c, n)
		c.Body, c.Nickname = "", "" // the app would show a notification of its own
	default:
		c.Aps = aps{Mutable: 1, Sound: "default", Category: "MESSAGE"}
		s.fill(c, n)
		c.Aps.Alert = s.alertOf(n, c.Body)
		m.alert(n)
	}
	m.payload = s.fit(m.payload, c)
}

func (s *style) expires(now time.Time) time.Time {
	if s.expiration == 0 {
		return time.Time{}
	}
	return now.Add(s.expiration)
}

// isCall reports whether the push rings: a call's proposal that the device can
// decrypt, to its second token. Anything else as a VoIP push shows a phantom
// call, and iOS stops delivering them.
func (s *style) isCall(to *providers.Target, n *providers.Notification) bool {
	return s.calls && to.SecondToken != "" && n.Rings()
}

// proposal reports whether a call is offered, as far as the publish tells.
func proposal(n *providers.Notification) bool {
	return n.Call == nil || n.Call.Meet || n.Call.Action == "" || n.Call.Action == "propose"
}

// silent reports whether the push only wakes the app: low priority, or a call
// that has ended.
func silent(n *providers.Notification) bool { return !n.Urgent() || !proposal(n) }

func (m *message) alert(n *providers.Notification) {
	m.pushType, m.priority = typeAlert, priorityNow
	// A repeat after an unknown outcome replaces instead of doubling.
	m.collapse = cmp.Or(n.Collapse, n.ID)
	if len(m.collapse) > maxCollapse {
		// In hex digits a hash has just the length.
		m.collapse = fmt.Sprintf("%x", sha256.Sum256([]byte(m.collapse)))
	}
}

func (m *message) background() { m.pushType, m.priority = typeBackground, prioritySaver }

// fill puts in what the notification holds. Beside a cipher text nothing else
// goes along: the client chose to hide it.
func (s *style) fill(c *content, n *providers.Notification) {
	c.Unread = n.Count
	if n.Encrypted != nil {
		c.Encrypted, c.IV = n.Encrypted.Data, n.Encrypted.IV
		return
	}
	c.Sender, c.Nickname, c.Body = n.Sender, n.Nickname, n.ShortBody()
}

// alertOf is the text that is shown when the app does not make its own.
func (s *style) alertOf(n *providers.Notification, body string) string {
	if n.Encrypted != nil || body == "" {
		return s.alertText
	}
	if name := nameOf(n); name != "" {
		return name + ": " + body
	}
	return body
}

// nameOf is a short name of the sender: the nickname in a group chat, else what
// stands in front of the @.
func nameOf(n *providers.Notification) string {
	if n.Nickname != "" {
		return n.Nickname
	}
	bare, resource, _ := strings.Cut(n.Sender, "/")
	if n.Groupchat && resource != "" {
		return resource
	}
	local, _, _ := strings.Cut(bare, "@")
	return local
}

// fit encodes the payload and takes away until it has the size: first from the
// end of the alert, which most apps replace by what they make of the body, then
// from the body's, then the sender, then the cipher text; the account stays.
func (s *style) fit(b []byte, c *content) []byte {
	payload := encode(b, c)
	if len(payload) > maxPayload {
		c.shorten(&c.Aps.Alert, leastAlert)
		c.shorten(&c.Body, 0)
		payload = encode(b, c)
	}
	if len(payload) > maxPayload {
		c.Sender, c.Nickname = "", ""
		if c.Aps.Alert != "" {
			c.Aps.Alert = s.alertText
		}
		payload = encode(b, c)
	}
	if len(payload) > maxPayload {
		c.Encrypted, c.IV = "", ""
		payload = encode(b, c)
	}
	return payload
}

// shorten cuts one of the content's texts from its end, though to no fewer than
// so many characters, until the payload has the size.
func (c *content) shorten(text *string, least int) {
	rest := []rune(strings.TrimSuffix(*text, "…"))
	for over := len(encode(nil, c)) - maxPayload; over > 0 && len(rest) > least; over = len(encode(nil, c)) - maxPayload {
		rest = rest[:max(least, len(rest)-1-over/mostOfCharacter)]
		if *text = string(rest) + "…"; len(rest) == 0 {
			*text = ""
		}
	}
}

// literally makes the payload that Tigase's guide §6.1.2 documents.
func (s *style) literally(c *content, n *providers.Notification) {
	c.Aps.Available = 1
	c.Unread, c.Sender, c.Body = n.Count, n.Sender, n.ShortBody()
}
