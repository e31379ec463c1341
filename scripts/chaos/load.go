//go:build linux

package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/providers/apns/apnstest"
	"github.com/tpush/tpush/providers/fcm/fcmtest"
	"mellium.im/xmpp/stanza"
)

// load is a server's steady load: publishes, and users who come and go.
type load struct {
	*lab
	*oracle
	rng    *rand.Rand // of the users' goroutine
	rate   float64    // publishes a second
	turn   int        // faults so far: which of several is hit
	all    sync.WaitGroup
	number atomic.Int64
	calls  atomic.Int64
	asked  atomic.Int64
	users  struct{ registered, refused, unregistered, gone, again int }
}

// watch lets the oracle see what arrives at the push services.
func (l *load) watch() {
	l.apns.Watch(func(p apnstest.Push) {
		l.pushed(p.Token, p.Header.Get("apns-id")+" "+p.Header.Get("apns-collapse-id"), p.Payload, p.Status == 200, p.Status == 410)
	})
	l.fcm.Forget()
	l.fcm.Watch(func(m fcmtest.Message) {
		// FCM knows no id of ours: a repeat is the same byte for byte.
		l.pushed(m.Token, string(m.Body), m.Body, m.Status == 200, m.Status == 404)
	})
}

// run publishes until ctx ends and returns when all is answered.
func (l *load) run(ctx context.Context) {
	for _, i := range l.instances {
		l.all.Go(func() { l.others(ctx, i) })
	}
	l.all.Go(func() { l.people(ctx) })
	began := time.Now()
	order := rand.New(rand.NewPCG(l.rng.Uint64(), 1))
	for n := 0; ; n++ {
		due := began.Add(time.Duration(float64(n) / l.rate * float64(time.Second)))
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			l.all.Wait()
			return
		}
		d := l.any(order)
		l.all.Go(func() { l.publish(d, n%10 == 3) })
	}
}

// any is a device at random. Servers forget gone ones after the first answer that
// says so; here some come again.
func (l *load) any(rng *rand.Rand) *device {
	l.mu.Lock()
	defer l.mu.Unlock()
	var d *device
	for range 5 {
		d = l.devices[rng.IntN(len(l.devices))]
		if d.state == live || time.Since(d.at) < 5*time.Second {
			break
		}
	}
	return d
}

// crowd publishes to many devices at once and waits for the answers. The program
// keeps goroutines and connections for a while that it needed once: what it takes
// can be compared only after the same.
func (l *load) crowd() {
	rng := rand.New(rand.NewPCG(uint64(l.number.Load()), 3))
	var all sync.WaitGroup
	for range 600 {
		d := l.any(rng)
		all.Go(func() { l.publish(d, false) })
	}
	all.Wait()
}

// publish does one publish and waits for its answer.
func (l *load) publish(d *device, call bool) string {
	mark := fmt.Sprintf("m%07dzzzz", l.number.Add(1))
	call = call && d.second != ""
	l.publishing(d, mark, call)
	e, sent := l.request(mark, "example.com", publishOf(d.node, mark, call))
	l.answer(mark, outcome(e), !sent)
	return outcome(e)
}

// publishOf is a publish of a message, or of a call.
func publishOf(node, mark string, call bool) string {
	text := "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:push:summary</value></field><field var='message-count'><value>3</value></field>" +
		"<field var='last-message-sender'><value>ola@example.org/desk</value></field><field var='last-message-body'><value>" + mark + "</value></field></x>"
	if call {
		text = "<encrypted xmlns='tigase:push:encrypt:0' iv='AAECAwQFBgcICQoL' type='voip'>" + mark + "</encrypted><jingle xmlns='tigase:push:jingle:0' action='propose' sid='" + mark + "'/>"
	}
	return "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='" + node + "'><item><notification xmlns='urn:xmpp:push:0'>" + text + "</notification></item></publish></pubsub>"
}

// request sends a request and returns the answer, nil when none came, and
// whether it was sent at all.
func (l *load) request(id, from, payload string) (e *xmpp.Element, sent bool) {
	// The load's end lets what is under way be answered.
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit+5*time.Second)
	defer cancel()
	q := &xmpp.IQ{Type: stanza.SetIQ, ID: id, From: from, To: domain, Name: xml.Name{Local: "x"}, Children: 1, Payload: []byte(payload)}
	// Servers do not know of each other's push components: each asks its own.
	i := l.instances[int(l.asked.Add(1))%len(l.instances)]
	e, err := i.server.Request(ctx, domain, q)
	return e, err == nil || ctx.Err() != nil
}

// outcome is what an answer says: result, or condition and type.
func outcome(e *xmpp.Element) string {
	if e == nil || e.Type == "result" {
		if e == nil {
			return ""
		}
		return e.Type
	}
	_, rest, _ := strings.Cut(string(e.Payload), "<error")
	kind, rest, _ := strings.Cut(rest, ">")
	_, kind, _ = strings.Cut(strings.ReplaceAll(kind, `"`, "'"), "type='")
	kind, _, _ = strings.Cut(kind, "'")
	_, rest, _ = strings.Cut(rest, "<")
	return strings.Fields(rest + " ?")[0] + " " + kind
}

// others takes what nobody waits for: answers that come twice or too late.
func (l *load) others(ctx context.Context, i *instance) {
	for {
		e, err := i.server.Next(ctx)
		if err != nil {
			return
		}
		if e.Name.Local == "iq" && marks.MatchString(e.ID) {
			l.answer(e.ID, outcome(e), false)
		}
	}
}

// people register devices, lose them and unregister them.
func (l *load) people(ctx context.Context) {
	for tick := time.NewTicker(250 * time.Millisecond); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return
		}
		switch n := l.rng.IntN(10); {
		case n < 5:
			l.newDevice()
		case n < 7:
			l.lose()
		case n < 8:
			l.reinstall()
		default:
			l.unregister()
		}
	}
}

func command(name string, d *device) string {
	fields := "<field var='provider'><value>" + d.provider + "</value></field><field var='device-token'><value>" + d.token + "</value></field>"
	if d.second != "" && name == "register-device" {
		fields += "<field var='device-second-token'><value>" + d.second + "</value></field>"
	}
	return "<command xmlns='http://jabber.org/protocol/commands' node='" + name + "'><x xmlns='jabber:x:data' type='submit'>" + fields + "</x></command>"
}

// newDevice registers one of a new account.
func (l *load) newDevice() {
	n := l.calls.Add(1)
	d := &device{provider: []string{byCert, byKey, google}[n%3], account: fmt.Sprintf("u%d@example.com", n)}
	switch d.provider {
	case google:
		d.token = fmt.Sprintf("token%09d:APA91bHun4MxP5egoKMwt2KZFBaFUH-1RYqx", n)
	case byCert:
		d.token, d.second = fmt.Sprintf("%064x", n), fmt.Sprintf("%064x", 1<<40+n)
	default:
		d.token = fmt.Sprintf("%064x", n)
	}
	l.register(d)
}

func (l *load) register(d *device) bool {
	e, _ := l.request(fmt.Sprintf("r%d", l.calls.Add(1)), d.account+"/phone", command("register-device", d))
	if e == nil || e.Type != "result" {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.users.refused++
		return false
	}
	_, rest, _ := strings.Cut(string(e.Payload), `var="node" type="text-single"><value>`)
	d.node, _, _ = strings.Cut(rest, "<")
	d.at = time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.devices = append(l.devices, d)
	l.byToken[d.token] = d
	// The node of a device that is still there when it is registered again stays.
	l.told[d.node] = false
	l.users.registered++
	return true
}

// pick is a device at random that has a state, longer than a while; nil when the
// first few are none.
func (l *load) pick(want state, old time.Duration) *device {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range 20 {
		if d := l.devices[l.rng.IntN(len(l.devices))]; d.state == want && l.byToken[d.token] == d && time.Since(d.at) > old {
			return d
		}
	}
	return nil
}

func (l *load) set(d *device, s state) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d.state, d.at = s, time.Now()
}

// lose is a user who deletes the app.
func (l *load) lose() {
	d := l.pick(live, 0)
	if d == nil {
		return
	}
	l.set(d, gone)
	l.users.gone++
	if d.provider == google {
		l.fcm.Script(d.token, fcmtest.Answer{Status: 404, Code: "UNREGISTERED"})
	} else {
		l.apns.Script(d.token, apnstest.Answer{Status: 410, Reason: "Unregistered", Since: time.Now()})
	}
}

// reinstall is one who has it again, with the same token.
func (l *load) reinstall() {
	d := l.pick(gone, 3*time.Second)
	if d == nil {
		return
	}
	if d.provider == google {
		l.fcm.Script(d.token, fcmtest.Answer{})
	} else {
		l.apns.Script(d.token, apnstest.Answer{})
	}
	again := &device{provider: d.provider, token: d.token, second: d.second, account: d.account}
	l.set(d, uncertain)
	if !l.register(again) {
		return
	}
	l.users.again++
}

func (l *load) unregister() {
	d := l.pick(live, 0)
	if d == nil {
		return
	}
	l.set(d, uncertain)
	e, _ := l.request(fmt.Sprintf("u%d", l.calls.Add(1)), d.account+"/phone", command("unregister-device", d))
	if e != nil && e.Type == "result" {
		l.set(d, removed)
		l.users.unregistered++
	}
}
