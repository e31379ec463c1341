package push

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
	"mellium.im/xmpp/stanza"
)

// certified is a provider that pushes with a certificate: any text that begins
// with "good", with the password "Pa$$w0rd".
type certified struct {
	*phones
	used string
}

func (c *certified) CheckCertificate(p providers.Certificate) (time.Time, error) {
	switch {
	case !strings.HasPrefix(string(p.Data), "good") && !strings.Contains(string(p.Data), "BEGIN"):
		return time.Time{}, errors.New("it is neither a .p12 with one key nor a PEM file")
	case p.Password != "Pa$$w0rd":
		return time.Time{}, errors.New("the password is wrong")
	}
	return time.Date(2031, 5, 1, 0, 0, 0, 0, time.UTC), nil
}

func (c *certified) UseCertificate(p providers.Certificate) error {
	if _, err := c.CheckCertificate(p); err != nil {
		return err
	}
	c.used = string(p.Data)
	return nil
}

func (c *certified) CertificateExpiry() time.Time {
	if c.used == "" {
		return time.Time{}
	}
	return time.Date(2031, 5, 1, 0, 0, 0, 0, time.UTC)
}

// newCertified is a component whose provider has no certificate yet, and the
// same on another machine.
func newCertified(t *testing.T) (w, other *world, here, there *certified) {
	t.Helper()
	w = newWorld(t, func(c *Config) { c.Admins = []string{"admin@example.com"} })
	here, there = &certified{phones: w.phones}, &certified{phones: w.phones}
	build := func(p *certified) *world {
		set, err := providers.NewSet(w.log, providers.DefaultOptions(), p)
		if err != nil {
			t.Fatal(err)
		}
		s := NewService(Parts{Name: "push", Devices: w.devices, Providers: set, Certificates: repository.NewCertificates(repository.NewUsers(w.source)), Log: w.log}, w.cfg)
		c := *w
		c.Component = NewComponent(s, w.cfg, "1.0", w.log)
		return &c
	}
	return build(here), build(there), here, there
}

func (w *world) setCertificate(lines []string, password string) string {
	w.t.Helper()
	return w.ask(stanza.SetIQ, "admin@example.com/adm", fmt.Sprintf("<command xmlns='%s' node='set-apns-certificate'><x xmlns='jabber:x:data' type='submit'>"+
		"<field var='provider'><value>apns-binary-api</value></field><field var='apns-certificate'><value>%s</value></field>"+
		"<field var='apns-cert-password'><value>%s</value></field></x></command>", nsCommands, strings.Join(lines, "</value><value>"), password))
}

func TestSetCertificate(t *testing.T) {
	w, other, here, there := newCertified(t)
	good := base64.StdEncoding.EncodeToString([]byte("good certificate of this year"))
	first := w.ask(stanza.SetIQ, "admin@example.com/adm", "<command xmlns='"+nsCommands+"' node='set-apns-certificate' action='execute'/>")
	want(t, "first step", first, `<field var="provider" type="list-single" label="APNS provider"><required></required><value>tigase:messenger:apns:1</value>`,
		`<field var="apns-certificate" type="text-multi"`, `<field var="apns-cert-password" type="text-private"`)

	for what, answer := range map[string]string{
		"wrong password": w.setCertificate([]string{good}, "wrong"),
		"no certificate": w.setCertificate([]string{base64.StdEncoding.EncodeToString([]byte("junk"))}, "Pa$$w0rd"),
		"no base64":      w.setCertificate([]string{"!!!"}, "Pa$$w0rd"),
		"nothing":        w.setCertificate([]string{" "}, "Pa$$w0rd"),
	} {
		want(t, what, answer, badCommand, "<text ")
	}
	if here.used != "" {
		t.Errorf("a bad certificate is in use: %q", here.used)
	}
	if err := other.service.SyncCertificates(t.Context()); err != nil || there.used != "" {
		t.Errorf("a bad certificate was stored: %v, %q", err, there.used)
	}

	// In lines of ten characters, as a form may bring it.
	want(t, "good", w.setCertificate([]string{good[:10], good[10:20] + "\n" + good[20:]}, "Pa$$w0rd"), `status="completed"`, "Operation successful. Valid until 2031-05-01.")
	if here.used != "good certificate of this year" {
		t.Errorf("in use: %q", here.used)
	}
	if err := other.service.SyncCertificates(t.Context()); err != nil || there.used != here.used {
		t.Errorf("the other machine uses %q, %v", there.used, err)
	}
	there.used = "as it was"
	if err := other.service.SyncCertificates(t.Context()); err != nil || there.used != "as it was" {
		t.Errorf("a certificate that did not change was loaded again: %v", err)
	}
	for _, secret := range []string{"Pa$$w0rd", good} {
		if strings.Contains(w.text.String(), secret) {
			t.Errorf("the log shows %s", secret)
		}
	}
}

func TestRemoveCertificate(t *testing.T) {
	w, other, _, there := newCertified(t)
	remove := func() string {
		return w.ask(stanza.SetIQ, "admin@example.com/adm", "<command xmlns='"+nsCommands+"' node='remove-apns-certificate'><x xmlns='jabber:x:data' type='submit'>"+
			"<field var='provider'><value>apns-binary-api</value></field></x></command>")
	}
	want(t, "none is stored", remove(), gone)
	want(t, "set", w.setCertificate([]string{"-----BEGIN CERTIFICATE-----", "x", "-----END CERTIFICATE-----"}, "Pa$$w0rd"), `status="completed"`)
	want(t, "remove", remove(), "Operation successful.")
	if err := other.service.SyncCertificates(t.Context()); err != nil || there.used != "" {
		t.Errorf("the other machine uses %q, %v", there.used, err)
	}
}

func TestReadCertificate(t *testing.T) {
	for text, want := range map[string]repository.Certificate{
		"Z29vZA==":                 {P12: []byte("good")},
		"Z29v\nZA":                 {P12: []byte("good")},
		" -----BEGIN X-----\ny\n ": {PEM: []byte("-----BEGIN X-----\ny\n")},
		base64.URLEncoding.EncodeToString([]byte("-----BEGIN X-----\n\xfb\xff")): {PEM: []byte("-----BEGIN X-----\n\xfb\xff")},
	} {
		got, err := readCertificate(text, "")
		if err != nil || string(got.P12) != string(want.P12) || string(got.PEM) != string(want.PEM) {
			t.Errorf("%q: %q, %q, %v", text, got.P12, got.PEM, err)
		}
	}
}
