package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mellium.im/xmpp/stanza"
)

// TestStoredCertificate runs the guide's other way to the certificate: the
// configuration has the topic only, an administrator sets the certificate by the
// ad-hoc command, and it is there after a restart.
func TestStoredCertificate(t *testing.T) {
	h := newHouse(t)
	h.stop()
	config, err := os.ReadFile(filepath.Join(h.home, "config.tdsl"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("        'cert-file' = 'apns-cert.p12'\n", "", "'cert-password' = 'Pa$$w0rd'", "'apns-topic' = '"+demoTopic+"'").Replace(string(config))
	if err := os.WriteFile(filepath.Join(h.home, "config.tdsl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h.run()
	wait := "type='wait'"
	if answer := h.replay("tigase-real-publish-chat"); !strings.Contains(answer, wait) {
		t.Errorf("without a certificate: %s", answer)
	}
	if text := h.explain(); !strings.Contains(text, "there is no certificate: set one with the command Set APNS certificate. The device is fine") {
		t.Errorf("without a certificate it is explained so: %s", text)
	}
	set := func(password string) string {
		return h.ask(stanza.SetIQ, "admin@example.test/x", "<command xmlns='http://jabber.org/protocol/commands' node='set-apns-certificate'><x xmlns='jabber:x:data' type='submit'>"+
			"<field var='provider'><value>"+demoAPNs+"</value></field><field var='apns-certificate'><value>"+base64.StdEncoding.EncodeToString(h.p12)+"</value></field>"+
			"<field var='apns-cert-password'><value>"+password+"</value></field></x></command>")
	}
	if answer := set("wrong"); !strings.Contains(answer, "<bad-request") || !strings.Contains(answer, "password") {
		t.Errorf("a wrong password: %s", answer)
	}
	if answer := set("Pa$$w0rd"); !strings.Contains(answer, "Operation successful. Valid until") {
		t.Fatalf("the right one: %s\n%s", answer, h.log.String())
	}
	for _, when := range []string{"at once", "after a restart"} {
		if answer := h.replay("tigase-real-publish-chat"); !strings.Contains(answer, "type='result'") {
			t.Errorf("%s: %s\n%s", when, answer, h.log.String())
		}
		h.stop()
		before := len(h.log.String())
		h.run()
		eventually(t, "the stored certificate is in use", func() bool { return strings.Contains(h.log.String()[before:], "stored certificate in use") })
	}
	if n := len(h.apns.Pushes()); n != 2 {
		t.Errorf("%d pushes arrived, want 2", n)
	}
	if strings.Contains(h.log.String(), "Pa$$w0rd") {
		t.Error("the log shows the password")
	}
}

// TestAdministrators runs the administrators' commands through the whole program:
// which there are, and that none shows a secret.
func TestAdministrators(t *testing.T) {
	h := newHouse(t)
	h.replay("tigase-real-publish-chat")
	const admin = "admin@example.test/x"
	list := h.ask(stanza.GetIQ, admin, "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>")
	t.Log(list)
	for command, want := range map[string]string{
		"config-dump": "tigase:messenger:apns:1", "provider-status": " accepted", "stats": "push/Packets received",
		"list-devices": "count", "explain": "conclusion", "send-test-notification": "What the push service answered",
	} {
		if !strings.Contains(list, `node="`+command+`"`) {
			t.Errorf("%s is not listed", command)
		}
		form := "<x xmlns='jabber:x:data' type='submit'><field var='userJid'><value>" + houseUser + "</value></field><field var='message'><value>hello</value></field></x>"
		answer := h.ask(stanza.SetIQ, admin, "<command xmlns='http://jabber.org/protocol/commands' node='"+command+"'>"+form+"</command>")
		if !strings.Contains(answer, want) {
			t.Errorf("%s: %s", command, answer)
		}
		for _, secret := range []string{houseToken, houseSecond, "Pa$$w0rd", demoSecret} {
			if strings.Contains(answer, secret) {
				t.Errorf("%s shows %s", command, secret)
			}
		}
		if denied := h.ask(stanza.SetIQ, "eve@example.test/x", "<command xmlns='http://jabber.org/protocol/commands' node='"+command+"'>"+form+"</command>"); !strings.Contains(denied, "not-allowed") && !strings.Contains(denied, "forbidden") {
			t.Errorf("%s of somebody else: %s", command, denied)
		}
	}
	if pushes := h.apns.Pushes(); len(pushes) != 2 || !strings.Contains(string(pushes[1].Payload), "hello") {
		t.Errorf("%d pushes", len(pushes))
	}
}
