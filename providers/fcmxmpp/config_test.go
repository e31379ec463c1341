package fcmxmpp

import (
	"encoding/xml"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/providers"
)

func TestNewErrors(t *testing.T) {
	good := Config{SenderID: sender, ServerKey: key, Host: "h", PoolSize: 1, Port: DefaultPort, Timeout: time.Second}
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no sender": {func(c *Config) { c.SenderID = "" }, "sender-id, server-key"},
		"no key":    {func(c *Config) { c.ServerKey = "" }, "sender-id, server-key"},
		"a JID":     {func(c *Config) { c.SenderID = "1@fcm.googleapis.com" }, "sender-id: it is the project's number"},
		"no pool":   {func(c *Config) { c.PoolSize = 0 }, "pool-size"},
		"port":      {func(c *Config) { c.Port = 70000 }, "port"},
		"time-out":  {func(c *Config) { c.Timeout = 0 }, "request-timeout"},
	} {
		cfg := good
		tc.change(&cfg)
		if _, err := New("p", cfg, nil, quiet()); err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), key) {
			t.Errorf("%s: error %v, want one that says %q", name, err, tc.want)
		}
	}
}

// Google's own address is said to be dead; another may be given in two ways.
func TestAddress(t *testing.T) {
	for _, tc := range []struct {
		host, address, name string
		broken              bool
	}{
		{"", "fcm-xmpp.googleapis.com:5235", "fcm-xmpp.googleapis.com", true},
		{"fcm.example.com", "fcm.example.com:5235", "fcm.example.com", false},
		{"fcm.example.com:5236", "fcm.example.com:5236", "fcm.example.com", false},
		{"::1", "[::1]:5235", "::1", false},
	} {
		var log strings.Builder
		p, err := New("p", Config{SenderID: sender, ServerKey: key, PoolSize: 1, Host: tc.host, Port: DefaultPort, Timeout: time.Second}, nil, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		if p.address != tc.address || p.tls.ServerName != tc.name || strings.Contains(log.String(), "no longer answers") != tc.broken {
			t.Errorf("%q: address %s, certificate for %s, log %s", tc.host, p.address, p.tls.ServerName, log.String())
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Without credentials there is a provider, which has its devices and connects to
// nobody.
func TestNoCredentials(t *testing.T) {
	p, err := New("p", Config{PoolSize: 1, Port: DefaultPort, Timeout: time.Second}, nil, quiet())
	if err != nil {
		t.Fatal(err)
	}
	err = p.Push(t.Context(), providers.Target{Token: "t"}, providers.Notification{ID: "1"})
	if providers.KindOf(err) != providers.Unauthorized || !strings.Contains(err.Error(), "add 'service-account-file'") {
		t.Errorf("a push: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		`<message xmlns="jabber:client"><gcm xmlns="google:mobile:data">{"message_type":"ack","from":"t","message_id":"m-1"}</gcm></message>`,
		`<message xmlns="jabber:client" id="m-1" type="error"><error code="400"><bad-request/><text>x</text></error></message>`,
		`<message xmlns="jabber:client"><gcm xmlns="google:mobile:data"><![CDATA[{"message_type":"nack","error":"BAD_ACK"}]]></gcm></message>`,
		`<message><gcm xmlns="google:mobile:data">[1]</gcm></message>`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := xml.NewDecoder(strings.NewReader(text))
		token, err := d.Token()
		start, ok := token.(xml.StartElement)
		if err != nil || !ok {
			return
		}
		if u, err := parse(&start, d); err == nil && u != nil {
			classify(u, u.From)
		}
	})
}
