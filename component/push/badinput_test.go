package push

import (
	"context"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
	"mellium.im/xmpp/stanza"
)

// manyDevices is a store in which every account has very many devices.
type manyDevices struct {
	Devices
	all []repository.Device
}

func (m *manyDevices) ByAccount(context.Context, string, string) ([]repository.Device, error) {
	return m.all, nil
}

func (m *manyDevices) ByNode(context.Context, string, string) ([]repository.Device, error) {
	return m.all, nil
}

func (m *manyDevices) NoteOutcome(context.Context, repository.Device, repository.Outcome) error {
	return nil
}

// TestManyDevices: ten thousand devices of one account, all of one node. Every
// answer fits in a stanza, and a publish is answered in time.
func TestManyDevices(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Admins = []string{"admin@example.com"} })
	m := &manyDevices{Devices: w.devices}
	for i := range 10_000 {
		m.all = append(m.all, repository.Device{Service: service, Account: "ala@example.com", Node: "n1", Provider: "tigase:messenger:apns:1",
			Token: fmt.Sprintf("%064X", i), Registered: time.Now()})
	}
	w.service.devices = m
	for _, command := range []string{"list-devices", "remove-device", "send-test-notification", "explain"} {
		answer := w.ask(stanza.SetIQ, "admin@example.com/x", "<command xmlns='http://jabber.org/protocol/commands' node='"+command+"'><x xmlns='jabber:x:data' type='submit'>"+
			"<field var='userJid'><value>ala@example.com</value></field></x></command>")
		want(t, command, answer, "<iq type='result' ")
		if len(answer) > 40_000 {
			t.Errorf("%s: the answer has %d bytes", command, len(answer))
		}
	}
	began := time.Now()
	want(t, "publish", w.ask(stanza.SetIQ, "example.com", publish("n1", message)), empty)
	if took := time.Since(began); took > publishTime {
		t.Errorf("the publish took %v", took)
	}
	if w.phones.pushes != 10_000 {
		t.Errorf("%d pushes", w.phones.pushes)
	}
	if got := len(w.service.Journal().Entries(journalSize+1, func(*Entry) bool { return true })); got != 10_000 {
		t.Errorf("%d entries in the journal", got)
	}
}

func TestJournalIsBounded(t *testing.T) {
	j := NewJournal()
	for i := range journalSize + 10 {
		j.add("p", &Entry{Status: i, Accepted: i%2 == 0})
	}
	all := j.Entries(2*journalSize, func(*Entry) bool { return true })
	if len(all) != journalSize || all[0].Status != journalSize+9 || all[journalSize-1].Status != 10 {
		t.Errorf("%d entries from %d to %d", len(all), all[0].Status, all[len(all)-1].Status)
	}
	if p := j.Problems("p"); len(p) != problemsKept || p[0].Status != journalSize+9 {
		t.Errorf("%d problems, the newest %d", len(p), p[0].Status)
	}
}

// TestHugeForms: forms with very many fields and values.
func TestHugeForms(t *testing.T) {
	w := newWorld(t, nil)
	fields := strings.Repeat("<field var='x'/>", 10_000)
	node := w.register("AABB", "")
	want(t, "register", w.ask(stanza.SetIQ, phone, "<command xmlns='http://jabber.org/protocol/commands' node='register-device'><x xmlns='jabber:x:data' type='submit'>"+fields+
		"<field var='provider'><value>apns-binary-api</value></field><field var='device-token'><value>AABB</value></field></x></command>"), node)
	want(t, "publish", w.ask(stanza.SetIQ, "example.com", publish(node, "<notification xmlns='urn:xmpp:push:0'><x xmlns='jabber:x:data'>"+fields+
		"<field var='last-message-body'><value>hi</value></field></x></notification>")), empty)
	if n := w.phones.got[0]; n.Body != "hi" {
		t.Errorf("body %q", n.Body)
	}
	want(t, "long token", w.ask(stanza.SetIQ, phone, deviceForm("register-device", "apns-binary-api", strings.Repeat("A", 5000), "")), badCommand, "longer than any device token")
	answer := w.ask(stanza.SetIQ, phone, deviceForm("register-device", strings.Repeat("p", 50_000), "AA", ""))
	_, text, _ := strings.Cut(answer, "<text")
	if len(text) > 500 {
		t.Errorf("the sentence repeats %d bytes of what came", len(text))
	}
}

// TestHugeBody: 200 KB of four-byte characters arrive whole at the provider,
// whose rule for bodies cuts between characters.
func TestHugeBody(t *testing.T) {
	w := newWorld(t, nil)
	node := w.register("AABB", "")
	for _, body := range []string{strings.Repeat("😀", 50_000), strings.Repeat("e\u0301", 60_000), strings.Repeat("x", 513), strings.Repeat("é", 512)} {
		n := "<notification xmlns='urn:xmpp:push:0'><x xmlns='jabber:x:data'><field var='last-message-body'><value>" + body + "</value></field></x></notification>"
		want(t, "publish", w.ask(stanza.SetIQ, "example.com", publish(node, n)), empty)
		got := w.phones.got[len(w.phones.got)-1]
		short := got.ShortBody()
		wantRunes := min(utf8.RuneCountInString(body), 501)
		if utf8.RuneCountInString(body) == 512 {
			wantRunes = 512
		}
		if got.Body != body || !utf8.ValidString(short) || utf8.RuneCountInString(short) != wantRunes || wantRunes == 501 && !strings.HasSuffix(short, "…") {
			t.Errorf("a body of %d characters becomes one of %d", utf8.RuneCountInString(body), utf8.RuneCountInString(short))
		}
	}
}

// TestStranger: twenty-five junk tokens that a stranger registers and that are
// published to remove nobody's device, and stop nobody's pushes.
func TestStranger(t *testing.T) {
	w := newWorld(t, nil)
	node := w.register("AABB", "")
	want(t, "before", w.ask(stanza.SetIQ, "example.com", publish(node, message)), empty)
	for i := range 25 {
		token := fmt.Sprintf("EE%02X", i)
		w.phones.answers[token] = &providers.Error{Kind: providers.Doubtful, Reason: "BadDeviceToken"}
		answer := w.ask(stanza.SetIQ, "stranger@elsewhere.org/x", deviceForm("register-device", "apns-binary-api", token, ""))
		_, rest, _ := strings.Cut(answer, `<field var="node" type="text-single"><value>`)
		junk, _, _ := strings.Cut(rest, "<")
		w.ask(stanza.SetIQ, "elsewhere.org", publish(junk, message))
		want(t, "a message meanwhile", w.ask(stanza.SetIQ, "example.com", publish(node, message)), empty)
	}
	if w.count() != 1 {
		t.Error("the user's device is gone")
	}
	if s := w.service.ProviderStatus(t.Context())[0]; !s.Trusted || s.Paused {
		t.Errorf("the provider is %+v", s)
	}
}

// FuzzComponent gives any payload to the component, as a request of a server and
// of a client: there is an answer to the same address, it is XML, and to a
// publish it never makes a server drop a registration that may live.
func FuzzComponent(f *testing.F) {
	for _, pattern := range []string{"testdata/stanzas/*.xml", "testdata/rules/*.txt"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			_, request, _ := strings.Cut(string(text), "<iq ")
			_, payload, _ := strings.Cut(request, ">")
			payload, _, _ = strings.Cut(payload, "</iq>")
			f.Add([]byte(strings.TrimSpace(payload)), strings.Contains(name, "publish"))
		}
	}
	w := newWorld(f, func(c *Config) { c.Admins, c.PerMinute = []string{"ala@example.com"}, 0 })
	f.Fuzz(func(t *testing.T, payload []byte, fromServer bool) {
		from, typ := phone, stanza.GetIQ
		if fromServer {
			from, typ = tigase, stanza.SetIQ
		}
		var head struct{ XMLName xml.Name }
		if xml.Unmarshal(payload, &head) != nil {
			head.XMLName = xml.Name{Space: nsPubSub, Local: "pubsub"} // what the stream would have refused
		}
		for _, typ := range []stanza.IQType{typ, stanza.SetIQ} {
			q := &xmpp.IQ{Type: typ, From: from, To: service, ID: "1", Name: head.XMLName, Children: 1, Payload: payload}
			a := w.HandleIQ(t.Context(), q)
			if a.To != from || a.From != service || a.ID != "1" || a.Type != stanza.ResultIQ && a.Type != stanza.ErrorIQ {
				t.Fatalf("answer %s", a.Append(nil))
			}
			if a.Type == stanza.ResultIQ && len(a.Payload) > 0 && xml.Unmarshal(a.Payload, &struct{ XMLName xml.Name }{}) != nil {
				t.Errorf("answer %s", a.Payload)
			}
			if head.XMLName.Space == nsPubSub && fromServer && a.Error != nil && a.Error.Type != stanza.Wait &&
				a.Error.Condition != stanza.ItemNotFound && a.Error.Condition != stanza.FeatureNotImplemented {
				t.Errorf("a publish is answered with %v", a.Error)
			}
		}
	})
}
