package push

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/providers"
	"mellium.im/xmpp/stanza"
)

// summary is a notification in one line.
func summary(n providers.Notification) string {
	s := "-"
	if n.Count != nil {
		s = fmt.Sprint(*n.Count)
	}
	s = fmt.Sprintf("count=%s sender=%q body=%.60q", s, n.Sender, n.Body)
	if n.Nickname != "" {
		s += fmt.Sprintf(" nick=%q", n.Nickname)
	}
	if n.Encrypted != nil {
		s += " encrypted"
		if n.Encrypted.VoIP {
			s += " voip"
		}
	}
	if n.Call != nil {
		s += fmt.Sprintf(" call=%s/%s", n.Call.Action, n.Call.SID)
	}
	if n.Event != "" {
		s += " event=" + n.Event
	}
	if !n.Urgent() {
		s += " low"
	}
	if n.Fetched() {
		s += " fetched"
	}
	if contentless(&n) {
		s += " contentless"
	}
	return s
}

// TestNotificationsOfRealServers says what each kind of captured publish means.
func TestNotificationsOfRealServers(t *testing.T) {
	for name, want := range map[string]string{
		"prosody-publish-body":                    `count=1 sender="" body="" contentless`,
		"prosody-publish-body-and-sender":         `count=1 sender="bob@b.test/`,
		"prosody-publish-body-specials":           `body="Tom & \"Jerry\" <b>it's</b> ]]> 😀 é\n2nd line\tend"`,
		"prosody-publish-chatstate":               `count=1 sender="" body="" contentless`,
		"prosody-publish-omemo-no-body":           `body=""`,
		"prosody-publish-options-secret":          `count=1 sender="" body="" contentless`,
		"prosody-extensions-publish-chat":         "count=- sender=\"\" body=\"\" encrypted",
		"prosody-extensions-publish-receipt":      `encrypted low`,
		"prosody-extensions-publish-call-propose": `encrypted voip`,
		"prosody-extensions-publish-call-retract": `encrypted low`,
		"prosody-priority-publish-receipt":        `contentless`,
		"prosody-priority-publish-chat":           `count=1`,
		"ejabberd-publish-body":                   `count=- sender="" body="" contentless`,
		"ejabberd-publish-body-and-sender":        `count=- sender="`,
		"ejabberd-publish-call-propose":           `count=- sender="" body="" contentless`,
		"ejabberd-publish-omemo-no-body":          `body="`,
		"ejabberd-publish-marker":                 `contentless`,

		"tigase-real-publish-chat":                        `count=1 sender="ola@example.test/desk" body="See you at noon"`,
		"tigase-real-publish-specials":                    `body="a & b <c> \"q\" 's' &amp; éż 😀👨\u200d👩 line1\nline2\ttab ©"`,
		"tigase-real-publish-count-zero":                  `count=0 sender="" body="" fetched`,
		"tigase-real-publish-count-zero-encrypt-enabled":  `count=0 sender="" body="" low fetched`,
		"tigase-real-publish-away":                        `count=0 sender="ola@example.test/`,
		"tigase-real-publish-omemo-no-body":               `body="New secure message. Open to see the message."`,
		"tigase-real-publish-groupchat":                   `nick="ola & co"`,
		"tigase-real-publish-encrypted-chat":              `encrypted`,
		"tigase-real-publish-encrypt-bad-key":             `count=- sender="" body="" contentless`,
		"tigase-real-publish-jingle-propose-encrypted":    `encrypted voip call=propose/call-17`,
		"tigase-real-publish-jingle-accept-encrypted":     `encrypted voip call=accept/call-17 low`,
		"tigase-real-publish-jingle-accept-plain":         `count=0 sender="ala@example.test/tab" body="" call=accept/call-17 low`,
		"tigase-real-publish-meet":                        `call=/m1`,
		"tigase-real-publish-account-removed":             `event=account-removed`,
		"tigase-real-84-publish-chat":                     `count=1 sender="ola@example.test/desk" body="See you at noon"`,
		"tigase-real-84-publish-jingle-retract-encrypted": `encrypted voip low`,
		"tigase-real-84-publish-encrypted-priority-chat":  `encrypted`,
	} {
		text, err := os.ReadFile(filepath.Join("testdata", "stanzas", name+".xml"))
		if err != nil {
			t.Error(err)
			continue
		}
		var q *xmpp.IQ
		for _, e := range read(t, string(text)) {
			q = e.IQ()
		}
		if q == nil {
			t.Errorf("%s: no request", name)
			continue
		}
		var n providers.Notification
		_, err = parsePublish(q, &n)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := summary(n)
		if !strings.Contains(got, want) || strings.Contains(got, " low") != strings.Contains(want, " low") || strings.Contains(got, "contentless") != strings.Contains(want, "contentless") {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		"a &amp; b":            "a & b",
		"&amp;amp;":            "&amp;",
		"&#169; &#xA9; &copy;": "© © &copy;",
		"& &; &#; &#x; &lt":    "& &; &#; &#x; &lt",
	} {
		if got := unescape(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestBodyIsNotTrimmed: white space around a text is the sender's, nothing but
// white space is no text.
func TestBodyIsNotTrimmed(t *testing.T) {
	for body, want := range map[string]string{"  indented\n": "  indented\n", " \n\t": ""} {
		q := &xmpp.IQ{Type: stanza.SetIQ, From: tigase, To: service, ID: "1", Children: 1, Payload: []byte("<pubsub xmlns='http://jabber.org/protocol/pubsub'>" +
			"<publish node='n'><item><notification xmlns='urn:xmpp:push:0'><x xmlns='jabber:x:data'><field var='last-message-body'><value>" +
			body + "</value></field></x></notification></item></publish></pubsub>")}
		var n providers.Notification
		if _, err := parsePublish(q, &n); err != nil || n.Body != want {
			t.Errorf("%q: got %q, %v", body, n.Body, err)
		}
	}
}

func FuzzPublish(f *testing.F) {
	files, err := filepath.Glob("testdata/stanzas/*publish*.xml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		_, payload, _ := strings.Cut(string(text), ">")
		f.Add([]byte(strings.TrimSuffix(payload, "</iq>")))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		q := &xmpp.IQ{Type: stanza.SetIQ, From: tigase, To: service, ID: "1", Children: 1, Payload: payload}
		var n providers.Notification
		node, err := parsePublish(q, &n)
		if err == nil && node == "" {
			t.Error("no node")
		}
		if n.Encrypted != nil && (n.Encrypted.Data == "" || n.Encrypted.IV == "") {
			t.Errorf("encrypted %+v", n.Encrypted)
		}
		if a := q.Fail(stanzaError(&publishError{firstError(err)})); a.Error.Type != stanza.Wait && a.Error.Condition != stanza.ItemNotFound {
			t.Errorf("a publish is answered with %v", a.Error)
		}
	})
}

func firstError(err error) error {
	if err == nil {
		return os.ErrDeadlineExceeded
	}
	return err
}
