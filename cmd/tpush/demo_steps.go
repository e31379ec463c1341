package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/providers/apns/apnstest"
	"mellium.im/xmpp/stanza"
)

// The devices of the demo and who uses them.
const (
	demoUser    = "ala@example.com/phone"
	demoServer  = "example.com"
	iPhoneToken = "0A1B2C3D4E5F60718293A4B5C6D7E8F90A1B2C3D4E5F60718293A4B5C6D7E8F9"
	callToken   = "9c8d7e6f5a4b3c2d1e0f9c8d7e6f5a4b3c2d1e0f9c8d7e6f5a4b3c2d1e0f0001"
	phoneToken  = "dQw4w9WgXcQ:APA91bHun4MxP5egoKMwt2KZFBaFUH-1RYqx"

	demoAPNs = "tigase:messenger:apns:1"
	demoFCM  = "fcm-http-v1"
)

const stepTime = 30 * time.Second

// expectation is what has to come of a step.
type expectation struct {
	answer  []string          // parts of the answer
	service string            // APNs, FCM, or empty: no push
	headers map[string]string // of the push
	payload []string          // parts of the push payload
}

// steps runs all steps; each goes over the wire.
func (d *demo) steps(ctx context.Context) {
	d.step(ctx, "A client looks for a push service", stanza.GetIQ, demoUser, "<query xmlns='http://jabber.org/protocol/disco#info'/>",
		expectation{answer: []string{`category="pubsub" type="push"`, `"urn:xmpp:push:0"`, `"` + demoAPNs + `"`, `"` + demoFCM + `"`}})
	iPhone := d.register(ctx, "An iPhone is registered, with a second token for calls", demoAPNs, iPhoneToken, callToken)
	android := d.register(ctx, "An Android phone is registered", demoFCM, phoneToken, "")

	d.step(ctx, "A message for the iPhone's user, who is away", stanza.SetIQ, demoServer, demoPublish(iPhone, demoMessage),
		expectation{answer: []string{"type='result'"}, service: "APNs",
			headers: map[string]string{"apns-topic": demoTopic, "apns-push-type": "alert", "apns-priority": "10"},
			payload: []string{`"body":"See you at noon"`, `"sender":"ola@example.org/desk"`, `"account":"ala@example.com"`, `"unread-messages":3`}})
	d.step(ctx, "The same for the Android phone", stanza.SetIQ, demoServer, demoPublish(android, demoMessage),
		expectation{answer: []string{"type='result'"}, service: "FCM", payload: []string{`"body":"See you at noon"`, `"priority":"high"`, `"unread-messages":"3"`}})
	d.step(ctx, "An encrypted message, which only the iPhone can read", stanza.SetIQ, demoServer, demoPublish(iPhone, demoEncrypted),
		expectation{answer: []string{"type='result'"}, service: "APNs", headers: map[string]string{"apns-push-type": "alert"},
			payload: []string{`"encrypted":"mD3vmFzZr1qvVQ=="`, `"iv":"q83vASNFZ4kBI0Vn"`, `"mutable-content":1`}})
	d.step(ctx, "A call: it rings through the second token", stanza.SetIQ, demoServer, demoPublish(iPhone, demoCall),
		expectation{answer: []string{"type='result'"}, service: "APNs",
			headers: map[string]string{"apns-push-type": "voip", "apns-topic": demoTopic + ".voip"}, payload: []string{`"aps":{}`, `"encrypted":`}})

	d.apns.Script(iPhoneToken, apnstest.Answer{Status: http.StatusGone, Reason: "Unregistered", Since: time.Now().Add(time.Minute)})
	d.step(ctx, "The app was deleted from the iPhone: Apple says so, the device is removed", stanza.SetIQ, demoServer, demoPublish(iPhone, demoMessage),
		expectation{answer: []string{"type='cancel'", "<item-not-found "}, service: "APNs", headers: map[string]string{"answer": "410 Unregistered"}})
	d.step(ctx, "Another publish to it: nothing is pushed any more", stanza.SetIQ, demoServer, demoPublish(iPhone, demoMessage),
		expectation{answer: []string{"type='cancel'", "<item-not-found "}})
	d.step(ctx, "The Android phone's user unregisters it", stanza.SetIQ, demoUser, demoForm("unregister-device", demoFCM, phoneToken, ""),
		expectation{answer: []string{`status="completed"`}})
	d.step(ctx, "A publish to it is refused, so that the server forgets it, too", stanza.SetIQ, demoServer, demoPublish(android, demoMessage),
		expectation{answer: []string{"type='cancel'", "<item-not-found "}})
}

const (
	demoMessage = "<notification xmlns='urn:xmpp:push:0'><x xmlns='jabber:x:data' type='submit'>" +
		"<field var='FORM_TYPE'><value>urn:xmpp:push:summary</value></field><field var='message-count'><value>3</value></field>" +
		"<field var='last-message-sender'><value>ola@example.org/desk</value></field>" +
		"<field var='last-message-body'><value>See you at noon</value></field></x></notification>"
	demoEncrypted = "<notification xmlns='urn:xmpp:push:0'><encrypted xmlns='tigase:push:encrypt:0' iv='q83vASNFZ4kBI0Vn'>mD3vmFzZr1qvVQ==</encrypted>" +
		"<priority xmlns='tigase:push:priority:0'>high</priority></notification>"
	demoCall = "<notification xmlns='urn:xmpp:push:0'><encrypted xmlns='tigase:push:encrypt:0' iv='AAECAwQFBgcICQoL' type='voip'>Zk1xm2qV</encrypted>" +
		"<jingle xmlns='tigase:push:jingle:0' action='propose' sid='call-17'><media>audio</media></jingle>" +
		"<priority xmlns='tigase:push:priority:0'>high</priority></notification>"
)

func demoPublish(node, notification string) string {
	return "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='" + node + "'><item>" + notification + "</item></publish></pubsub>"
}

func demoForm(command, provider, token, second string) string {
	form := "<command xmlns='http://jabber.org/protocol/commands' node='" + command + "'><x xmlns='jabber:x:data' type='submit'>" +
		"<field var='provider'><value>" + provider + "</value></field><field var='device-token'><value>" + token + "</value></field>"
	if second != "" {
		form += "<field var='device-second-token'><value>" + second + "</value></field>"
	}
	return form + "</x></command>"
}

// register registers a device and returns its node.
func (d *demo) register(ctx context.Context, name, provider, token, second string) string {
	answer := d.step(ctx, name, stanza.SetIQ, demoUser, demoForm("register-device", provider, token, second),
		expectation{answer: []string{`status="completed"`, `var="node"`, `var="features"`, `var="max-payload-size"`}})
	_, rest, _ := strings.Cut(answer, `var="node" type="text-single"><value>`)
	node, _, _ := strings.Cut(rest, "<")
	return node
}

// step sends a request as the server would, waits for the answer, looks what
// the push services got, and prints it all. It returns the answer.
func (d *demo) step(ctx context.Context, name string, typ stanza.IQType, from, payload string, want expectation) string {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	q := &xmpp.IQ{Type: typ, ID: fmt.Sprintf("demo-%d", d.line.count+1), From: from, To: demoDomain, Name: xml.Name{Local: "x"}, Children: 1, Payload: []byte(payload)}
	s := &step{Name: name, Sent: string(q.Append(nil))}
	began := time.Now()
	e, err := d.server.Request(ctx, demoDomain, q)
	s.Took = time.Since(began)
	if err != nil {
		s.Wrong = err.Error()
	} else {
		s.Answer = answerText(e)
		s.Received = d.received()
		s.Wrong = want.missing(s)
	}
	s.OK = s.Wrong == ""
	if !s.OK {
		d.failed++
	}
	d.line.print(s)
	return s.Answer
}

// answerText writes an answer as it came: without the stream's namespace, which
// a payload that was cut out carries.
func answerText(e *xmpp.Element) string {
	text := (&xmpp.IQ{Type: stanza.IQType(e.Type), ID: e.ID, From: e.From, To: e.To, Lang: e.Lang, Payload: e.Payload}).Append(nil)
	return strings.ReplaceAll(string(text), " xmlns='"+xmpp.NSAccept+"'", "")
}

// received returns the push that came since the step before, nil for none. The
// component answers after its push service has, so that it is there by now.
func (d *demo) received() *received {
	passed, cancel := context.WithCancel(context.Background())
	cancel()
	if p, err := d.apns.Next(passed); err == nil {
		r := &received{Service: "APNs", Path: p.Path, Headers: map[string]string{}, Payload: p.Payload}
		for name := range p.Header {
			if lower := strings.ToLower(name); strings.HasPrefix(lower, "apns-") {
				r.Headers[lower] = p.Header.Get(name)
			}
		}
		if p.Status != http.StatusOK {
			r.Headers["answer"] = fmt.Sprintf("%d %s", p.Status, p.Reason)
		}
		return r
	}
	if m, err := d.fcm.Next(passed); err == nil {
		return &received{Service: "FCM", Path: m.Path, Payload: m.Body}
	}
	return nil
}

// missing says what of an expectation a step does not hold.
func (want *expectation) missing(s *step) string {
	var wrong []string
	for _, part := range want.answer {
		if !strings.Contains(s.Answer, part) {
			wrong = append(wrong, "the answer does not hold "+part)
		}
	}
	switch {
	case want.service == "" && s.Received != nil:
		wrong = append(wrong, "there was a push")
	case want.service != "" && (s.Received == nil || s.Received.Service != want.service):
		wrong = append(wrong, "no push reached "+want.service)
	case want.service != "":
		wrong = append(wrong, want.missingPush(s.Received)...)
	}
	return strings.Join(wrong, "\n")
}

func (want *expectation) missingPush(r *received) (wrong []string) {
	for _, name := range slices.Sorted(maps.Keys(want.headers)) {
		if r.Headers[name] != want.headers[name] {
			wrong = append(wrong, fmt.Sprintf("%s is %q, not %q", name, r.Headers[name], want.headers[name]))
		}
	}
	var compact any
	if err := json.Unmarshal(r.Payload, &compact); err != nil {
		return append(wrong, "the push payload is no JSON: "+err.Error())
	}
	for _, part := range want.payload {
		if !strings.Contains(string(r.Payload), part) {
			wrong = append(wrong, "the push payload does not hold "+part)
		}
	}
	return wrong
}
