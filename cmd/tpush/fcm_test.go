package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/component/ext/exttest"
	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/providers/fcm/fcmtest"
	"mellium.im/xmpp/stanza"
)

// fcmHouse is an installation with a server and both of Google's protocols.
type fcmHouse struct {
	t      *testing.T
	home   string
	server *exttest.Server
	v1     *fcmtest.Server
	xmpp   *fcmtest.XMPP
	asked  int
}

func newFCMHouse(t *testing.T) *fcmHouse {
	t.Helper()
	h := &fcmHouse{t: t, home: t.TempDir()}
	var err error
	if h.server, err = exttest.New(exttest.Options{Secrets: map[string]string{demoDomain: demoSecret}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.server.Close)
	if h.v1, err = fcmtest.New(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.v1.Close)
	if h.xmpp, err = fcmtest.NewXMPP("426312345678", "AAAAserverkey"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.xmpp.Close)
	if err := h.v1.WriteServiceAccount(filepath.Join(h.home, "sa.json")); err != nil {
		t.Fatal(err)
	}
	h.write("xmpp-ca.pem", string(h.xmpp.CA()))
	return h
}

func (h *fcmHouse) write(name, text string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.home, name), []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// during runs the program on the providers' blocks for as long as a function
// takes, and returns its log.
func (h *fcmHouse) during(blocks string, do func()) string {
	h.t.Helper()
	h.write("config.tdsl", fmt.Sprintf("ext () {\n    items = [ '%s:%s:connect:%d:127.0.0.1:accept' ]\n}\npush () {\n%s}\n", demoDomain, demoSecret, h.server.Port(), blocks))
	var errs log
	r := &runCommand{source: source{Home: h.home, File: filepath.Join(h.home, "config.tdsl")}, LogFormat: formatText, Drain: time.Second}
	ctx, stop := context.WithCancel(h.t.Context())
	done := make(chan error, 1)
	go func() { done <- r.serve(ctx, &errs) }()
	if err := h.server.Wait(limit(ctx, 10*time.Second), demoDomain, 1); err != nil {
		h.t.Fatalf("%v\n%s", err, errs.String())
	}
	do()
	stop()
	if err := <-done; err != nil {
		h.t.Errorf("the program ended with %v\n%s", err, errs.String())
	}
	return errs.String()
}

// ask sends a request and returns the answer as text.
func (h *fcmHouse) ask(from, payload string) string {
	h.t.Helper()
	h.asked++
	q := &xmpp.IQ{Type: stanza.SetIQ, ID: fmt.Sprint("q", h.asked), From: from, To: demoDomain, Name: xml.Name{Local: "x"}, Children: 1, Payload: []byte(payload)}
	e, err := h.server.Request(limit(h.t.Context(), 30*time.Second), demoDomain, q)
	if err != nil {
		h.t.Fatal(err)
	}
	return answerText(e)
}

// register registers a phone and returns its node.
func (h *fcmHouse) register(provider, token string) string {
	h.t.Helper()
	answer := h.ask(demoUser, demoForm("register-device", provider, token, ""))
	_, rest, _ := strings.Cut(answer, `var="node" type="text-single"><value>`)
	node, _, ok := strings.Cut(rest, "<")
	if !ok {
		h.t.Fatalf("answer %s", answer)
	}
	return node
}

// publish publishes a message and says whether it was pushed.
func (h *fcmHouse) publish(node string) (answer string, ok bool) {
	answer = h.ask(demoServer, demoPublish(node, demoMessage))
	return answer, strings.Contains(answer, "type='result'")
}

const xmppBlock = `    'fcm-xmpp-api' () {
        'sender-id' = '426312345678'
        'server-key' = 'AAAAserverkey'
        'pool-size' = 2
        host = '127.0.0.1'
        port = %d
        'ca-file' = 'xmpp-ca.pem'
    }
`

const movedBlock = `    'fcm-xmpp-api' () {
        'sender-id' = '426312345678'
        'server-key' = 'AAAAserverkey'
        'service-account-file' = 'sa.json'
        endpoint = '%s'
    }
`

// A phone that was registered under fcm-xmpp-api while that spoke XMPP is
// reached through HTTP v1 once there is a service account, without registering
// again.
func TestDeviceOfXMPPIsReachedOverV1(t *testing.T) {
	h := newFCMHouse(t)
	var node string
	h.during(fmt.Sprintf(xmppBlock, h.xmpp.Port()), func() {
		node = h.register("fcm-xmpp-api", phoneToken)
		if answer, ok := h.publish(node); !ok {
			t.Errorf("over XMPP: %s", answer)
		}
	})
	if m := h.xmpp.Messages(); len(m) != 1 || m[0].To != phoneToken || m[0].Data["body"] != "See you at noon" {
		t.Errorf("over XMPP came %+v", m)
	}
	if err := h.xmpp.Faults(); err != nil {
		t.Error(err)
	}
	h.during(fmt.Sprintf(movedBlock, h.v1.Endpoint()), func() {
		if answer, ok := h.publish(node); !ok {
			t.Errorf("over HTTP v1: %s", answer)
		}
	})
	if m := h.v1.Messages(); len(m) != 1 || m[0].Token != phoneToken || m[0].Data["body"] != "See you at noon" {
		t.Errorf("over HTTP v1 came %+v", m)
	}
}

// The guide's own configurations start, say once what is wrong and what to
// add, and keep their devices.
func TestEndedXMPPAPI(t *testing.T) {
	for _, properties := range []string{"", "'pool-size' = 5\n", "'sender-id' = '426312345678'\n        'server-key' = 'AAAAserverkey'\n"} {
		endedXMPPAPI(t, properties)
	}
}

func endedXMPPAPI(t *testing.T, properties string) {
	h := newFCMHouse(t)
	log := h.during("    'fcm-xmpp-api' () {\n        "+properties+"    }\n", func() {
		node := h.register("fcm-xmpp-api", phoneToken)
		if properties != "" { // a push waits for a connection where there are credentials
			return
		}
		if answer, ok := h.publish(node); ok || !strings.Contains(answer, "type='wait'") {
			t.Errorf("a publish was answered %s", answer)
		}
	})
	if n := strings.Count(log, "Google has ended the XMPP API"); n != 1 || !strings.Contains(log, "add 'service-account-file'") || !strings.Contains(log, "fcm-xmpp.googleapis.com no longer answers") || strings.Contains(log, "AAAAserverkey") {
		t.Errorf("said %d times:\n%s", n, log)
	}
}

// A service account that cannot be used breaks its own bean: others push, and
// its devices are kept.
func TestBadServiceAccountBreaksItsOwnBean(t *testing.T) {
	h := newFCMHouse(t)
	h.write("bad.json", "{}")
	blocks := fmt.Sprintf("    bad (class: tigase.push.fcm.FcmHttpV1Provider) {\n        'service-account-file' = 'bad.json'\n        endpoint = '%s'\n    }\n"+
		"    second (class: tigase.push.fcm.FcmXmppApiProvider) {\n        'service-account-file' = 'sa.json'\n        endpoint = '%s'\n    }\n", h.v1.Endpoint(), h.v1.Endpoint())
	log := h.during(blocks+fmt.Sprintf(movedBlock, h.v1.Endpoint()), func() {
		for _, provider := range []string{"second", "fcm-xmpp-api"} {
			if answer, ok := h.publish(h.register(provider, phoneToken+provider)); !ok {
				t.Errorf("%s: %s", provider, answer)
			}
		}
		node := h.register("bad", phoneToken)
		if answer, _ := h.publish(node); !strings.Contains(answer, "type='wait'") || !strings.Contains(answer, "internal-server-error") {
			t.Errorf("bad: %s", answer)
		}
		account, err := os.ReadFile(filepath.Join(h.home, "sa.json"))
		if err != nil {
			t.Fatal(err)
		}
		h.write("bad.json", string(account))
		eventually(t, "a push through the bean whose file was put right", func() bool { _, ok := h.publish(node); return ok })
	})
	if !strings.Contains(log, "push/bad") || !strings.Contains(log, "service_account") {
		t.Errorf("log\n%s", log)
	}
}
