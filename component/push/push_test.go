package push

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
	"go.uber.org/goleak"
	"mellium.im/xmpp/stanza"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	service = "push.example.com"
	phone   = "ala@example.com/ph"
	tigase  = "example.com/49960de5880e8c687434170f6476605b8fe4aeb9a28632c7995cf3ba831d9763"
)

// phones is a push service whose answers are scripted by token.
type phones struct {
	info    providers.Info
	mu      sync.Mutex
	answers map[string]error
	got     []providers.Notification
	to      []providers.Target
	used    []string // the tokens
	pushes  int
	gate    chan struct{} // when there is one, pushes wait until it is closed
}

func (p *phones) Info() providers.Info { return p.info }

func (p *phones) CheckToken(token string) error {
	if strings.Contains(token, " ") {
		return errors.New("a token has no blanks")
	}
	return nil
}

func (p *phones) Push(ctx context.Context, to providers.Target, n providers.Notification) error {
	if p.gate != nil {
		select {
		case <-p.gate:
		case <-ctx.Done():
			return &providers.Error{Kind: providers.Unknown, Err: ctx.Err()}
		}
	}
	p.mu.Lock()
	p.pushes++
	defer p.mu.Unlock()
	token := to.Token
	if n.Rings() && to.SecondToken != "" {
		token = to.SecondToken
	}
	if err := p.answers[token]; err != nil {
		var pe *providers.Error
		if errors.As(err, &pe) {
			c := *pe
			c.Second = token == to.SecondToken
			return &c
		}
		return err
	}
	p.got, p.to, p.used = append(p.got, n), append(p.to, to), append(p.used, token)
	return nil
}

// world is a component on a real store with one scripted provider.
type world struct {
	t testing.TB
	*Component
	phones  *phones
	devices *repository.Devices
	source  *repository.DataSource
	text    *strings.Builder // of the log
	log     *slog.Logger
}

func newWorld(t testing.TB, change func(*Config)) *world {
	t.Helper()
	w := &world{t: t, text: &strings.Builder{}}
	l := slog.New(slog.NewTextHandler(w.text, nil))
	w.log = l
	ds, err := repository.Open("default", repository.Config{URI: "jdbc:sqlite:" + filepath.Join(t.TempDir(), "t.db"), Schema: true}, "", l)
	if err != nil {
		t.Fatal(err)
	}
	w.source = ds
	ds.Use(repository.UserTables)
	w.devices = repository.NewDevices(ds, l)
	if err := ds.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.devices.Close(); ds.Close() })
	w.phones = &phones{answers: map[string]error{}, info: providers.Info{ID: "tigase:messenger:apns:1", Aliases: []string{"apns-binary-api"}, Label: "APNs",
		Features: []string{"tigase:push:encrypt:0"}, MaxPayload: 3072, AnyCase: true}}
	set, err := providers.NewSet(l, providers.Options{Deadline: time.Second, Attempt: time.Second, Pause: time.Millisecond}, w.phones)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Defaults()
	if change != nil {
		change(&cfg)
	}
	w.Component = NewComponent(NewService(Parts{Name: "push", Devices: w.devices, Providers: set, Log: l}, cfg), cfg, "1.0", l)
	return w
}

// ask sends a request and returns the answer's XML.
func (w *world) ask(typ stanza.IQType, from, payload string) string {
	w.t.Helper()
	var name struct{ XMLName xml.Name }
	if err := xml.Unmarshal([]byte(payload), &name); err != nil {
		w.t.Fatal(err)
	}
	q := &xmpp.IQ{Type: typ, From: from, To: service, ID: "q1", Name: name.XMLName, Children: 1, Payload: []byte(payload)}
	return string(w.HandleIQ(w.t.Context(), q).Append(nil))
}

func deviceForm(command, provider, token, second string) string {
	return fmt.Sprintf("<command xmlns='http://jabber.org/protocol/commands' node='%s'><x xmlns='jabber:x:data' type='submit'>"+
		"<field var='provider'><value>%s</value></field><field var='device-token'><value>%s</value></field>"+
		"<field var='device-second-token'><value>%s</value></field></x></command>", command, provider, token, second)
}

// register registers a device and returns its node.
func (w *world) register(token, second string) string {
	w.t.Helper()
	answer := w.ask(stanza.SetIQ, phone, deviceForm("register-device", "tigase:messenger:apns:1", token, second))
	_, rest, ok := strings.Cut(answer, `<field var="node" type="text-single"><value>`)
	node, _, _ := strings.Cut(rest, "<")
	if !ok || node == "" {
		w.t.Fatalf("no node in %s", answer)
	}
	return node
}

func publish(node, notification string) string {
	return "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='" + node + "'><item>" + notification + "</item></publish></pubsub>"
}

const message = "<notification xmlns='urn:xmpp:push:0'><x xmlns='jabber:x:data'><field var='last-message-sender'><value>ola@e/d</value></field>" +
	"<field var='last-message-body'><value>hi</value></field></x></notification>"

const callOffer = "<notification xmlns='urn:xmpp:push:0'><encrypted xmlns='tigase:push:encrypt:0' iv='aXY=' type='voip'>AAAA</encrypted>" +
	"<priority xmlns='tigase:push:priority:0'>high</priority></notification>"

func (w *world) count() int {
	w.t.Helper()
	all, err := w.devices.ByAccount(w.t.Context(), service, "ala@example.com")
	if err != nil {
		w.t.Fatal(err)
	}
	return len(all)
}

func want(t *testing.T, what, answer string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(answer, p) {
			t.Errorf("%s: answer %.2000s\ndoes not hold %s", what, answer, p)
		}
	}
}

const (
	gone       = "<error type='cancel' code='404'><item-not-found "
	wait       = "<error type='wait' code='500'><internal-server-error "
	badPublish = "<error type='wait' code='400'><bad-request "
	badCommand = "<error type='modify' code='400'><bad-request "
	empty      = "<iq type='result' id='q1' from='push.example.com' to='"
)

func TestRegister(t *testing.T) {
	w := newWorld(t, nil)
	node := w.register("AABB", "ccdd")
	if again := w.register("aabb", ""); again != node {
		t.Errorf("the same device got node %s, then %s", node, again)
	}
	answer := w.ask(stanza.SetIQ, phone, deviceForm("register-device", "apns-binary-api", "AABB", ""))
	want(t, "by the alias", answer, node, `status="completed"`, `type="result"`, `<field var="features" type="text-multi"><value>tigase:push:encrypt:0</value></field>`,
		`<field var="max-payload-size" type="text-single"><value>3072</value></field>`)
	if w.count() != 1 {
		t.Errorf("%d devices", w.count())
	}
	for what, form := range map[string]string{
		"no provider":      deviceForm("register-device", "", "AABB", ""),
		"unknown provider": deviceForm("register-device", "none", "AABB", ""),
		"no token":         deviceForm("register-device", "apns-binary-api", "  ", ""),
		"bad token":        deviceForm("register-device", "apns-binary-api", "A B", ""),
		"bad second token": deviceForm("register-device", "apns-binary-api", "AABB", "A B"),
	} {
		want(t, what, w.ask(stanza.SetIQ, phone, form), badCommand, "<text ")
	}
	want(t, "from a domain", w.ask(stanza.SetIQ, "example.com", deviceForm("register-device", "apns-binary-api", "AABB", "")), badCommand)
}

func TestUnregister(t *testing.T) {
	w := newWorld(t, nil)
	node := w.register("AABB", "")
	want(t, "another user's", w.ask(stanza.SetIQ, "ola@example.com/x", deviceForm("unregister-device", "apns-binary-api", "AABB", "")), gone)
	want(t, "unregister", w.ask(stanza.SetIQ, phone, deviceForm("unregister-device", "apns-binary-api", "aabb", "")), `status="completed"`)
	want(t, "again", w.ask(stanza.SetIQ, phone, deviceForm("unregister-device", "apns-binary-api", "AABB", "")), gone)
	want(t, "unknown provider", w.ask(stanza.SetIQ, phone, deviceForm("unregister-device", "none", "AABB", "")), gone)
	want(t, "publish to it", w.ask(stanza.SetIQ, "example.com", publish(node, message)), gone)
}

func TestCommandSteps(t *testing.T) {
	w := newWorld(t, nil)
	cmd := func(attrs, inner string) string {
		return w.ask(stanza.SetIQ, phone, "<command xmlns='http://jabber.org/protocol/commands' "+attrs+">"+inner+"</command>")
	}
	first := cmd("node='register-device' action='execute'", "")
	want(t, "first step", first, `status="executing"`, `sessionid="`, `<actions execute="complete"><complete></complete></actions>`, `type="form"`,
		`<field var="provider" type="list-single" label="Provider"><required></required><option label="APNs"><value>tigase:messenger:apns:1</value></option></field>`)
	want(t, "cancel", cmd("node='register-device' action='cancel' sessionid='s1'", ""), `status="canceled"`, `sessionid="s1"`)
	want(t, "session", cmd("node='register-device' action='complete' sessionid='s1'",
		"<x xmlns='jabber:x:data' type='submit'><field var='provider'><value>apns-binary-api</value></field><field var='device-token'><value>AA</value></field></x>"),
		`status="completed"`, `sessionid="s1"`)
	want(t, "unknown command", cmd("node='nothing'", ""), gone)
	want(t, "result form", cmd("node='register-device'", "<x xmlns='jabber:x:data' type='result'/>"), badCommand)
}

func TestDiscovery(t *testing.T) {
	w := newWorld(t, nil)
	want(t, "info", w.ask(stanza.GetIQ, phone, "<query xmlns='http://jabber.org/protocol/disco#info'/>"),
		`<identity category="pubsub" type="push" name="Push Notifications component"></identity>`, `<feature var="urn:xmpp:push:0"></feature>`,
		`<feature var="tigase:messenger:apns:1"></feature>`, `<feature var="apns-binary-api"></feature>`, `<feature var="http://jabber.org/protocol/commands"></feature>`)
	want(t, "command's info", w.ask(stanza.GetIQ, phone, "<query xmlns='http://jabber.org/protocol/disco#info' node='register-device'/>"), `category="automation" type="command-node"`)
	want(t, "unknown node", w.ask(stanza.GetIQ, phone, "<query xmlns='http://jabber.org/protocol/disco#info' node='x'/>"), gone)
	want(t, "commands", w.ask(stanza.GetIQ, phone, "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>"),
		`<item jid="push.example.com" node="register-device" name="Register device">`, `node="unregister-device"`)
	want(t, "ping", w.ask(stanza.GetIQ, phone, "<ping xmlns='urn:xmpp:ping'/>"), empty)
	want(t, "version", w.ask(stanza.GetIQ, phone, "<query xmlns='jabber:iq:version'/>"), "<version>1.0</version>")
	want(t, "vCard", w.ask(stanza.GetIQ, phone, "<vCard xmlns='vcard-temp'/>"), "<error type='cancel' code='501'><feature-not-implemented ")
}

func TestPublish(t *testing.T) {
	w := newWorld(t, nil)
	node := w.register("AABB", "")
	want(t, "publish", w.ask(stanza.SetIQ, "example.com", publish(node, message)), empty)
	if n := w.phones.got[0]; n.Account != "ala@example.com" || n.Body != "hi" || n.Sender != "ola@e/d" || len(n.ID) != 36 {
		t.Errorf("pushed %+v", n)
	}
	for what, tc := range map[string]struct{ from, payload, want string }{
		"unknown node":    {"example.com", publish("none", message), gone},
		"no node":         {"example.com", "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish><item>" + message + "</item></publish></pubsub>", gone},
		"no item":         {"example.com", "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='" + node + "'/></pubsub>", badPublish},
		"foreign payload": {"example.com", publish(node, "<entry xmlns='x'/>"), badPublish},
		"no publish":      {"example.com", "<pubsub xmlns='http://jabber.org/protocol/pubsub'><create/></pubsub>", badPublish},
		"from a user":     {phone, publish(node, message), "<error type='auth' code='403'><forbidden "},
		"empty":           {"example.com", publish(node, "<notification xmlns='urn:xmpp:push:0'/>"), empty},
	} {
		want(t, what, w.ask(stanza.SetIQ, tc.from, tc.payload), tc.want)
	}
	if len(w.phones.got) != 2 {
		t.Errorf("%d pushes, want 2", len(w.phones.got))
	}
}

func TestOutcomes(t *testing.T) {
	for name, tc := range map[string]struct {
		err     error
		trusted bool
		want    string
		kept    bool
		careful bool
	}{
		"temporary":             {&providers.Error{Kind: providers.Temporary, Status: 503}, true, wait, true, false},
		"throttled":             {&providers.Error{Kind: providers.Throttled}, true, wait, true, false},
		"unknown":               {&providers.Error{Kind: providers.Unknown}, true, wait, true, false},
		"unauthorized":          {&providers.Error{Kind: providers.Unauthorized, Reason: "BadCertificate"}, true, wait, true, false},
		"refused":               {&providers.Error{Kind: providers.Refused}, true, wait, true, false},
		"gone":                  {&providers.Error{Kind: providers.Gone, Reason: "Unregistered"}, false, gone, false, false},
		"gone long ago":         {&providers.Error{Kind: providers.Gone, GoneSince: time.Now().Add(-time.Hour)}, false, wait, true, false},
		"gone, careful":         {&providers.Error{Kind: providers.Gone}, false, wait, true, true},
		"doubtful":              {&providers.Error{Kind: providers.Doubtful, Reason: "BadDeviceToken"}, true, gone, false, false},
		"doubtful, not trusted": {&providers.Error{Kind: providers.Doubtful, Reason: "BadDeviceToken"}, false, wait, true, false},
		"something else":        {errors.New("odd"), true, wait, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.RemoveDevices = !tc.careful })
			node := w.register("AABB", "")
			if tc.trusted {
				other := w.register("EEFF", "")
				want(t, "the other", w.ask(stanza.SetIQ, "example.com", publish(other, message)), empty)
			}
			w.phones.answers["AABB"] = tc.err
			want(t, "publish", w.ask(stanza.SetIQ, "example.com", publish(node, message)), tc.want)
			got, err := w.devices.ByNode(t.Context(), service, node)
			if err != nil || (len(got) == 1) != tc.kept {
				t.Errorf("%d devices left, %v", len(got), err)
			}
			if tc.kept && got[0].LastFailure.Reason == "" {
				t.Error("the failure is not kept with the device")
			}
			if !strings.Contains(w.text.String(), "push not accepted") {
				t.Errorf("the log says nothing:\n%s", w.text)
			}
			if strings.Contains(w.text.String(), "AABB") {
				t.Errorf("the log shows a token:\n%s", w.text)
			}
		})
	}
}

func TestDeadSecondToken(t *testing.T) {
	w := newWorld(t, nil)
	node := w.register("AABB", "ccdd")
	w.phones.answers["ccdd"] = &providers.Error{Kind: providers.Gone}
	want(t, "call", w.ask(stanza.SetIQ, tigase, publish(node, callOffer)), empty)
	if len(w.phones.to) != 1 || w.phones.to[0].SecondToken != "" {
		t.Errorf("the call went to %+v, want the first token as an alert", w.phones.to)
	}
	got, err := w.devices.ByNode(t.Context(), service, node)
	if err != nil || len(got) != 1 || got[0].SecondToken != "" {
		t.Errorf("devices %+v, %v; want the device without its second token", got, err)
	}
}

func TestRefusedCallCertificate(t *testing.T) {
	w := newWorld(t, nil)
	node := w.register("AABB", "ccdd")
	w.phones.answers["ccdd"] = &providers.Error{Kind: providers.Unauthorized, Reason: "BadCertificate"}
	want(t, "call", w.ask(stanza.SetIQ, tigase, publish(node, callOffer)), empty)
	if got, _ := w.devices.ByNode(t.Context(), service, node); got[0].SecondToken != "ccdd" {
		t.Error("our own trouble cost the device its second token")
	}
}

func TestSeveralDevicesOfANode(t *testing.T) {
	w := newWorld(t, nil)
	node := w.register("AA", "")
	for _, token := range []string{"BB", "CC"} { // as rows of the Java component may have it
		if _, err := w.devices.Register(t.Context(), repository.Key{Service: service, Account: "ala@example.com", Providers: []string{"apns-binary-api"}, Token: token}, "", node); err != nil {
			t.Fatal(err)
		}
	}
	w.phones.answers["AA"] = &providers.Error{Kind: providers.Gone}
	w.phones.answers["BB"] = &providers.Error{Kind: providers.Temporary}
	want(t, "one accepted", w.ask(stanza.SetIQ, "example.com", publish(node, message)), empty)
	if w.count() != 2 {
		t.Errorf("%d devices are left, want 2", w.count())
	}
	w.phones.answers["CC"] = &providers.Error{Kind: providers.Gone}
	want(t, "one may live", w.ask(stanza.SetIQ, "example.com", publish(node, message)), wait)
	w.phones.answers["BB"] = &providers.Error{Kind: providers.Gone}
	want(t, "all gone", w.ask(stanza.SetIQ, "example.com", publish(node, message)), gone)
}

func TestInactiveProviderKeepsTheDevice(t *testing.T) {
	w := newWorld(t, nil)
	if _, err := w.devices.Register(t.Context(), repository.Key{Service: service, Account: "ala@example.com", Providers: []string{"switched-off"}, Token: "T"}, "", "n1"); err != nil {
		t.Fatal(err)
	}
	want(t, "publish", w.ask(stanza.SetIQ, "example.com", publish("n1", message)), wait)
	if w.count() != 1 {
		t.Error("the device is gone")
	}
}

func TestStoreAway(t *testing.T) {
	w := newWorld(t, nil)
	node := w.register("AABB", "")
	w.service.devices = brokenStore{w.devices}
	want(t, "publish", w.ask(stanza.SetIQ, "example.com", publish(node, message)), wait)
}

type brokenStore struct{ *repository.Devices }

func (brokenStore) ByNode(context.Context, string, string) ([]repository.Device, error) {
	return nil, errors.New("connection refused")
}

func TestContentless(t *testing.T) {
	for setting, n := range map[string]int{"alert": 1, "silent": 1, "drop": 0} {
		w := newWorld(t, func(c *Config) { c.Contentless = setting })
		node := w.register("AABB", "")
		want(t, setting, w.ask(stanza.SetIQ, "example.com", publish(node, "<notification xmlns='urn:xmpp:push:0'/>")), empty)
		if len(w.phones.got) != n {
			t.Fatalf("%s: %d pushes", setting, len(w.phones.got))
		}
		if n > 0 && (w.phones.got[0].Urgent() != (setting == "alert") || w.phones.got[0].Collapse == "") {
			t.Errorf("%s: pushed %+v", setting, w.phones.got[0])
		}
	}
}

func TestAccountRemoved(t *testing.T) {
	w := newWorld(t, nil)
	node := w.register("AABB", "")
	event := "<notification xmlns='urn:xmpp:push:0'><x xmlns='jabber:x:data'><field var='message-count'><value>0</value></field></x>" +
		"<event xmlns='http://tigase.org/protocol/account#event' name='account-removed'/></notification>"
	want(t, "event", w.ask(stanza.SetIQ, tigase, publish(node, event)), empty)
	if w.count() != 0 || len(w.phones.got) != 1 {
		t.Errorf("%d devices left, %d pushes", w.count(), len(w.phones.got))
	}
}
