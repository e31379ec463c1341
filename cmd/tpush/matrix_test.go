package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/providers/apns/apnstest"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// matrixOutcomes are what becomes of a push, with what the server is to be told.
var matrixOutcomes = []struct {
	name   string
	script apnstest.Answer // zero: accepted
	answer string
}{
	{"delivered", apnstest.Answer{}, "result"},
	{"second token gone", apnstest.Answer{}, "result"}, // these servers make no push to it
	{"device gone", apnstest.Answer{Status: http.StatusGone, Reason: "Unregistered", Since: time.Now().Add(time.Hour)}, "item-not-found/cancel"},
	{"temporary failure", apnstest.Answer{Status: http.StatusTooManyRequests, Reason: "TooManyRequests"}, "internal-server-error/wait"},
	{"credentials refused", apnstest.Answer{Status: http.StatusForbidden, Reason: "BadCertificate"}, "internal-server-error/wait"},
}

const specials = `Tom & "Jerry" <b>it's</b> ]]> 😀 é`

// matrixStanzas are the children of messages that bob sends, by kind. What they
// are published as is the server's affair; ejabberd publishes no message of type
// groupchat, so that it is an invitation to a room there.
func matrixStanzas(serverName string) map[string]stanza.Message {
	out := map[string]stanza.Message{"groupchat": {Type: stanza.GroupChatMessage}}
	if serverName == "ejabberd" {
		out["groupchat"] = stanza.Message{Type: stanza.NormalMessage}
	}
	for _, kind := range []string{"plain", "encrypted", "call", "specials"} {
		out[kind] = stanza.Message{Type: stanza.ChatMessage}
	}
	return out
}

func matrixContent(serverName, kind string) string {
	switch {
	case kind == "encrypted":
		return "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'><key rid='2'>AAAA</key><iv>AAAA</iv></header><payload>AAAA</payload></encrypted><body>I sent you an OMEMO encrypted message</body>"
	case kind == "call":
		return "<propose xmlns='urn:xmpp:jingle-message:0' id='call-17'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose><store xmlns='urn:xmpp:hints'/>"
	case kind == "groupchat" && serverName == "ejabberd":
		return "<x xmlns='jabber:x:conference' jid='room@muc.a.test'/>"
	case kind == "specials":
		var b strings.Builder
		xml.EscapeText(&b, []byte(specials))
		return "<body>" + b.String() + "</body>"
	}
	return "<body>See you at noon</body>"
}

// TestMatrix sends every kind of message through real servers for every outcome
// of its push: what Apple saw, what the server was answered, and, asked from the
// server itself, whether it kept the registration.
func TestMatrix(t *testing.T) {
	for name, start := range map[string]func(*testing.T) *server{"prosody": startProsody, "ejabberd": startEjabberd} {
		t.Run(name, func(t *testing.T) { newMatrix(t, name, start(t)).run() })
	}
}

type matrix struct {
	t      *testing.T
	name   string
	server *server
	apns   *apnstest.Server
	tap    *tap
	tokens int
}

func newMatrix(t *testing.T, name string, s *server) *matrix {
	apns, err := apnstest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(apns.Close)
	m := &matrix{t: t, name: name, server: s, apns: apns, tap: newTap(t, s)}
	start(t, builtProgram(t), installation(t, apns, "jdbc:sqlite:data/tpush.db", m.tap.port()))
	m.enable("bob", m.token()) // whose pushes are always accepted
	return m
}

func (m *matrix) run() {
	rows := []string{"| kind | outcome | push that Apple saw | answer to the server | registration |"}
	for _, kind := range []string{"plain", "encrypted", "call", "groupchat", "specials"} {
		for i := range matrixOutcomes {
			rows = append(rows, m.cell(kind, i))
		}
	}
	m.t.Logf("%s\n%s", m.name, strings.Join(rows, "\n"))
	m.stranger()
	if m.name == "prosody" {
		m.sixteen()
	}
}

func (m *matrix) token() string {
	m.tokens++
	return fmt.Sprintf("%064X", 0xABC000+m.tokens)
}

// enable registers a device of a user and turns its pushes on, in place of any
// other. It returns the node.
func (m *matrix) enable(user, token string) string {
	m.t.Helper()
	c := logIn(m.t, m.server, user)
	defer c.logOut()
	// ejabberd says that there is nothing to disable, the first time.
	_ = c.ask(stanza.SetIQ, "", "<disable xmlns='urn:xmpp:push:0' jid='push.a.test'/>", &struct{}{})
	var registered command
	c.request(stanza.SetIQ, "push.a.test", strings.Replace(deviceRequest("register-device", token), "</x>",
		"<field var='device-second-token'><value>"+strings.ToLower(token)+"</value></field></x>", 1), &registered)
	node := registered.field("node")
	c.request(stanza.SetIQ, "", "<enable xmlns='urn:xmpp:push:0' jid='push.a.test' node='"+node+"'/>", &struct{}{})
	return node
}

// cell runs one case and describes it in a row.
func (m *matrix) cell(kind string, outcome int) string {
	m.t.Helper()
	o := matrixOutcomes[outcome]
	token := m.token()
	node := m.enable("alice", token)
	if o.script.Status != 0 {
		m.apns.Script(token, o.script)
	}
	m.tap.takeAnswers()
	m.send(kind)
	push := m.push(token)
	var answers []string
	eventually(m.t, "the publish is answered", func() bool { answers = append(answers, m.tap.takeAnswers()...); return len(answers) > 0 })
	kept := m.kept("alice", node)
	wantKept := o.name != "device gone" || m.name == "prosody" // which drops at the sixteenth
	if answers[0] != o.answer || kept != wantKept {
		m.t.Errorf("%s, %s: answered %v, registration kept: %v", kind, o.name, answers, kept)
	}
	if kind == "specials" && push.Body != specials {
		m.t.Errorf("%s, %s: the body is %q", kind, o.name, push.Body)
	}
	if o.name == "credentials refused" {
		m.heal()
	}
	return fmt.Sprintf("| %s | %s | %s, %s, body %q | %s | %s |", kind, o.name, push.Type, push.Alert, push.Body, answers[0], map[bool]string{true: "kept", false: "dropped"}[kept])
}

// send lets bob send a message to alice.
func (m *matrix) send(kind string) {
	m.t.Helper()
	bob := logIn(m.t, m.server, "bob")
	defer bob.logOut()
	head := matrixStanzas(m.name)[kind]
	head.To = jid.MustParse("alice@a.test")
	if err := bob.session.Encode(m.t.Context(), struct {
		stanza.Message
		Inner string `xml:",innerxml"`
	}{head, matrixContent(m.name, kind)}); err != nil {
		m.t.Fatal(err)
	}
}

// seen is a push as Apple saw it.
type seen struct{ Type, Alert, Body string }

// push waits for a push to a token.
func (m *matrix) push(token string) seen {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 20*time.Second)
	defer cancel()
	for {
		p, err := m.apns.Next(ctx)
		if err != nil {
			m.t.Fatalf("no push to %s: %v", token, err)
		}
		if p.Token != token {
			continue
		}
		var payload struct {
			Aps  struct{ Alert string }
			Body string
		}
		if err := json.Unmarshal(p.Payload, &payload); err != nil {
			m.t.Fatal(err)
		}
		return seen{p.Header.Get("apns-push-type"), payload.Aps.Alert, payload.Body}
	}
}

// heal lets a push to bob be accepted, so that the provider is not paused any
// more for what the cell before was refused.
func (m *matrix) heal() {
	m.t.Helper()
	m.tap.takeAnswers()
	eventually(m.t, "pushes are accepted again", func() bool {
		alice := logIn(m.t, m.server, "alice")
		alice.say("bob@a.test", "is it well?")
		alice.logOut()
		var answers []string
		eventually(m.t, "the publish is answered", func() bool { answers = append(answers, m.tap.takeAnswers()...); return len(answers) > 0 })
		return answers[0] == "result"
	})
}

// kept asks the server itself whether it has a registration: Prosody's and
// ejabberd's own store.
func (m *matrix) kept(user, node string) bool {
	m.t.Helper()
	if m.name == "prosody" {
		text, err := os.ReadFile(filepath.Join(m.server.folder, "data", "a%2etest", "cloud_notify", user+".dat"))
		if err != nil && !os.IsNotExist(err) {
			m.t.Fatal(err)
		}
		return strings.Contains(string(text), node)
	}
	file := filepath.Join(m.server.folder, "push_session.txt")
	if out, err := m.server.control("dump_table", file, "push_session").CombinedOutput(); err != nil {
		m.t.Fatalf("dump the registrations: %v\n%s", err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		m.t.Fatal(err)
	}
	return strings.Contains(string(text), node)
}

// sixteen publishes to a device that is gone until Prosody gives up: it keeps a
// registration through fifteen such answers.
func (m *matrix) sixteen() {
	m.t.Helper()
	token := m.token()
	node := m.enable("alice", token)
	m.apns.Script(token, matrixOutcomes[2].script)
	m.tap.takeAnswers()
	bob := logIn(m.t, m.server, "bob")
	defer bob.logOut()
	for n := 1; n <= 16; n++ {
		bob.say("alice@a.test", "are you there?")
		var answers []string
		eventually(m.t, "the publish is answered", func() bool { answers = append(answers, m.tap.takeAnswers()...); return len(answers) > 0 })
		if answers[0] != "item-not-found/cancel" {
			m.t.Errorf("publish %d to a dead device is answered with %v", n, answers)
		}
		if n < 16 && !m.kept("alice", node) {
			m.t.Errorf("dropped after %d", n)
		}
	}
	eventually(m.t, "Prosody drops the registration after 16 publishes", func() bool { return !m.kept("alice", node) })
	m.t.Log("a dead device: Prosody dropped the registration after the sixteenth item-not-found")
}

// stranger lets bob register twenty-five devices with junk for tokens, all of
// which are published to. Alice's device stays, and her pushes go out.
func (m *matrix) stranger() {
	m.t.Helper()
	token := m.token()
	node := m.enable("alice", token)
	m.send("plain")
	m.push(token)
	for range 25 {
		junk := m.token()
		m.apns.Script(junk, apnstest.Answer{Status: http.StatusBadRequest, Reason: "BadDeviceToken"})
		m.enable("bob", junk)
		alice := logIn(m.t, m.server, "alice")
		alice.say("bob@a.test", "junk")
		alice.logOut()
		m.push(junk)
	}
	m.tap.takeAnswers()
	m.send("plain")
	if got := m.push(token); got.Body != "See you at noon" {
		m.t.Errorf("alice's push after the stranger's junk is %+v", got)
	}
	if !m.kept("alice", node) {
		m.t.Error("alice's registration is gone")
	}
	m.t.Log("25 junk tokens of another user: alice's device is registered, her push arrived")
}
