package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/component/ext/exttest"
	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/providers/apns/apnstest"
	"mellium.im/xmpp/stanza"
)

const (
	houseDomain = "push.example.test"
	houseUser   = "ala@example.test"
	houseToken  = "0A1B2C3D4E5F60718293A4B5C6D7E8F90A1B2C3D4E5F60718293A4B5C6D7E8F9"
	houseSecond = "9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b4a39281706f5e4d3c2b1a0"
)

// house is the whole program between a simulated server and a simulated Apple,
// with a device that has a second token.
type house struct {
	t      *testing.T
	home   string
	server *exttest.Server
	apns   *apnstest.Server
	log    log
	node   string
	p12    []byte
	asked  int
	stop   func()
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, home: t.TempDir()}
	var err error
	if h.server, err = exttest.New(exttest.Options{Secrets: map[string]string{houseDomain: demoSecret}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.server.Close)
	if h.apns, err = apnstest.New(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.apns.Close)
	cred, err := h.apns.Issue(apnstest.Certificate{UID: demoTopic, Topics: []string{demoTopic, demoTopic + ".voip"}, Production: true})
	if err != nil {
		t.Fatal(err)
	}
	p12, err := cred.P12("Pa$$w0rd", true, false)
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`admins = [ 'admin@example.test' ]
ext () {
    items = [ '%s:%s:connect:%d:127.0.0.1:accept' ]
}
push () {
    'tigase:messenger:apns:1' (class: tigase.push.apns.APNsBinaryApiProvider) {
        'cert-file' = 'apns-cert.p12'
        'cert-password' = 'Pa$$w0rd'
        host = '%s'
        'ca-file' = 'apns-ca.pem'
    }
}
`, houseDomain, demoSecret, h.server.Port(), h.apns.Addr())
	h.p12 = p12
	for name, text := range map[string]string{"apns-cert.p12": string(p12), "apns-ca.pem": string(h.apns.CA()), "config.tdsl": config} {
		if err := os.WriteFile(filepath.Join(h.home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.run()
	_, rest, _ := strings.Cut(h.ask(stanza.SetIQ, houseUser+"/ph", demoForm("register-device", demoAPNs, houseToken, houseSecond)), `var="node" type="text-single"><value>`)
	h.node, _, _ = strings.Cut(rest, "<")
	return h
}

// run runs the program until stop is called.
func (h *house) run() {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	r := &runCommand{source: source{Home: h.home, File: filepath.Join(h.home, "config.tdsl")}, LogFormat: "text"}
	go func() { done <- r.serve(ctx, &h.log) }()
	h.stop = func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("the program ended with %v\n%s", err, h.log.String())
		}
		if err := h.server.Wait(limit(context.Background(), 10*time.Second), houseDomain, 0); err != nil {
			h.t.Error(err)
		}
		h.stop = func() {}
	}
	h.t.Cleanup(func() { h.stop() })
	if err := h.server.Wait(limit(ctx, 10*time.Second), houseDomain, 1); err != nil {
		h.t.Fatalf("%v\n%s", err, h.log.String())
	}
}

// ask sends a request and returns the answer as text.
func (h *house) ask(typ stanza.IQType, from, payload string) string {
	h.t.Helper()
	h.asked++
	e, err := h.server.Request(limit(h.t.Context(), 35*time.Second), houseDomain,
		&xmpp.IQ{Type: typ, ID: fmt.Sprint("q", h.asked), From: from, To: houseDomain, Children: 1, Payload: []byte(payload)})
	if err != nil {
		h.t.Fatalf("%v\n%s", err, h.log.String())
	}
	return answerText(e)
}

var (
	capturedFrom = regexp.MustCompile(`^<iq .*?from="([^"]*)"`)
	capturedNode = regexp.MustCompile(`<publish node="[^"]*">`)
)

// replay sends a captured publish to the device's node.
func (h *house) replay(name string) string {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "component", "push", "testdata", "stanzas", name+".xml"))
	if err != nil {
		h.t.Fatal(err)
	}
	from := capturedFrom.FindSubmatch(text)
	_, payload, _ := bytes.Cut(text, []byte(">"))
	payload = bytes.TrimSuffix(bytes.TrimSpace(payload), []byte("</iq>"))
	return h.ask(stanza.SetIQ, string(from[1]), string(capturedNode.ReplaceAll(payload, []byte(`<publish node="`+h.node+`">`))))
}

// pushes describes what Apple saw.
func (h *house) pushes() string {
	var out []string
	for _, p := range h.apns.Pushes() {
		token := "first token"
		if p.Token == houseSecond {
			token = "second token"
		}
		var payload map[string]any
		if err := json.Unmarshal(p.Payload, &payload); err != nil {
			h.t.Fatal(err)
		}
		what := fmt.Sprintf("%s to the %s", p.Header.Get("apns-push-type"), token)
		for _, key := range []string{"body", "encrypted", "nickname"} {
			if v, ok := payload[key].(string); ok {
				what += fmt.Sprintf(", %s %.40q", key, v)
			}
		}
		out = append(out, what)
	}
	return strings.Join(out, "; ")
}

var errorShape = regexp.MustCompile(`<error type='(\w+)'.*?><([a-z-]+) `)

// TestTigaseMatrix publishes what a real Tigase published, for every outcome of
// the push, through the whole program. Which conditions make Tigase drop a
// registration was measured on it (tigase-live section 4).
func TestTigaseMatrix(t *testing.T) {
	gone := apnstest.Answer{Status: http.StatusGone, Reason: "Unregistered", Since: time.Now().Add(time.Hour)}
	busy := apnstest.Answer{Status: http.StatusTooManyRequests, Reason: "TooManyRequests"}
	refused := apnstest.Answer{Status: http.StatusForbidden, Reason: "BadCertificate"}
	rows := []string{"| stanza | outcome | pushes that Apple saw | answer | Tigase's registration |"}
	for _, name := range []string{"tigase-real-publish-chat", "tigase-real-publish-encrypted-priority-chat", "tigase-real-publish-jingle-propose-encrypted",
		"tigase-real-84-publish-jingle-propose-encrypted", "tigase-real-publish-groupchat", "tigase-real-publish-specials"} {
		call := strings.Contains(name, "propose")
		for _, o := range []struct {
			name          string
			first, second apnstest.Answer
			answer        string
			pushes        int
		}{
			{"delivered", apnstest.Answer{}, apnstest.Answer{}, "result", 1},
			{"device gone", gone, gone, "item-not-found/cancel", 1},
			{"second token gone", apnstest.Answer{}, gone, "result", 1},
			{"temporary failure", busy, busy, "internal-server-error/wait", 1},
			{"credentials refused", refused, refused, "internal-server-error/wait", 1},
		} {
			h := newHouse(t)
			for token, script := range map[string]apnstest.Answer{houseToken: o.first, houseSecond: o.second} {
				if script.Status != 0 {
					h.apns.Script(token, script)
				}
			}
			answer := h.replay(name)
			got := "result"
			if m := errorShape.FindStringSubmatch(answer); m != nil {
				got = m[2] + "/" + m[1]
			}
			kept := "kept"
			if got == "item-not-found/cancel" {
				kept = "dropped"
			}
			saw := h.pushes()
			rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s | %s |", strings.TrimPrefix(name, "tigase-real-"), o.name, saw, got, kept))
			if got != o.answer {
				t.Errorf("%s, %s: answered %s\n%s", name, o.name, answer, h.log.String())
			}
			wantFirst := "alert to the first token"
			if call {
				wantFirst = "voip to the second token"
			}
			if !strings.HasPrefix(saw, wantFirst) || call && o.name == "second token gone" && !strings.Contains(saw, "; alert to the first token") {
				t.Errorf("%s, %s: Apple saw %s", name, o.name, saw)
			}
			h.stop()
		}
	}
	t.Log("\n" + strings.Join(rows, "\n"))
}

// TestHugeBody publishes 200 KB of text: Apple's simulator refuses a push payload
// that is too large, and text that is cut inside a character is no UTF-8.
func TestHugeBody(t *testing.T) {
	for name, char := range map[string]string{"emoji": "😀", "combined": "e\u0301", "quotes": `"\`, "ascii": "x"} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			body := strings.Repeat(char, 200_000/len(char))
			answer := h.ask(stanza.SetIQ, "a.test", demoPublish(h.node, "<notification xmlns='urn:xmpp:push:0'><x xmlns='jabber:x:data'>"+
				"<field var='last-message-body'><value>"+body+"</value></field></x></notification>"))
			pushes := h.apns.Pushes()
			if !strings.Contains(answer, "type='result'") || len(pushes) != 1 || pushes[0].Status != http.StatusOK {
				t.Fatalf("%d pushes, answer %.300s", len(pushes), answer)
			}
			var payload struct{ Body string }
			if err := json.Unmarshal(pushes[0].Payload, &payload); err != nil {
				t.Fatal(err)
			}
			runes := []rune(payload.Body)
			if len(pushes[0].Payload) > 4096 || len(runes) == 0 || strings.ContainsRune(payload.Body, '\uFFFD') || runes[len(runes)-1] != '…' ||
				!strings.HasPrefix(body, string(runes[:len(runes)-1])) {
				t.Errorf("%d bytes, a body of %d characters: %.60q", len(pushes[0].Payload), len(runes), payload.Body)
			}
			t.Logf("%d bytes of text: a push payload of %d bytes, a body of %d characters", len(body), len(pushes[0].Payload), len(runes))
		})
	}
}
