package push

import (
	"crypto/sha256"
	"html"
	"regexp"
	"strings"

	"github.com/tpush/tpush/providers"
)

// fromTigaseNode reports whether an address is one that a Tigase server
// publishes from: its resource is the SHA-256 of its cluster node's host name in
// hex. Other servers use the bare domain.
func fromTigaseNode(address string) bool {
	domain, resource, _ := strings.Cut(address, "/")
	if domain == "" || strings.Contains(domain, "@") || len(resource) != 2*sha256.Size {
		return false
	}
	for _, c := range []byte(resource) {
		if !('0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f') {
			return false
		}
	}
	return true
}

// tigaseForm is the form type of Tigase before 8.5. The first public version of
// its push plugin (August 2019, for 8.0) publishes from the bare domain: there it
// is the only mark. What a form holds never depends on its type.
const tigaseForm = "urn:xmpp:push:0:summary"

func fromTigase(from, formType string) bool { return fromTigaseNode(from) || formType == tigaseForm }

// withText takes a low priority beside a text to show for what it is: Tigase 8.5
// gives it to OMEMO messages without a body, and no server to anything that is
// not a message.
func withText(n *providers.Notification) {
	if n.Priority == providers.Low && n.Event == "" && n.Body != "" {
		n.Priority = providers.High
	}
}

// fromTigaseServer evens out Tigase's habits.
//
// Sender and body are escaped twice on the wire. And priority low is also what
// an OMEMO message without a body has: with a cipher text that is not about a
// call, it is a message like any other.
func fromTigaseServer(n *providers.Notification) {
	n.Sender = unescape(n.Sender)
	n.Body = unescape(n.Body)
	if n.Priority == providers.Low && n.Event == "" && n.Encrypted != nil && !n.Encrypted.VoIP && n.Call == nil {
		n.Priority = providers.High
	}
}

// fromOtherServer evens out the habits of Prosody and ejabberd.
//
// Both send texts of their own instead of the message's, which are no content.
// And Prosody's extensions never say low: there, a cipher text without a
// priority is a receipt, a marker or the like.
func fromOtherServer(n *providers.Notification) {
	if n.Sender == "" {
		switch n.Body {
		case "New message", "New Message!", "(encrypted)":
			n.Body = ""
		}
	}
	if n.Encrypted != nil && n.Priority == providers.Unset {
		n.Priority = providers.Low
	}
}

// unescape undoes one level of XML escaping: the five predefined entities and
// numeric references, and nothing else that HTML would know.
func unescape(s string) string {
	if !strings.Contains(s, "&") {
		return s
	}
	return entity.ReplaceAllStringFunc(s, html.UnescapeString)
}

var entity = regexp.MustCompile(`&(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});`)

// blank reports whether a notification holds nothing to show: no form, empty
// fields, or a server's own text.
func blank(n *providers.Notification) bool {
	return n.Body == "" && n.Sender == "" && n.Encrypted == nil && n.Call == nil && n.Event == "" &&
		!n.Groupchat && !n.Fetched()
}

// contentless reports whether a notification is blank, and nothing says that it
// is important: the configuration decides what becomes of it.
func contentless(n *providers.Notification) bool { return blank(n) && n.Priority != providers.High }
