package push

import (
	"strings"
	"testing"

	"mellium.im/xmpp/stanza"
)

func TestCommandACL(t *testing.T) {
	const (
		ala     = "ala@example.com/ph"
		foreign = "x@other.org/y"
		admin   = "admin@example.com/adm"
	)
	for name, tc := range map[string]struct {
		rules map[string][]string
		may   []string
		not   []string
	}{
		"no rules":     {nil, []string{ala, foreign, admin}, nil},
		"admins only":  {map[string][]string{"register-device": {"ADMIN"}}, []string{admin}, []string{ala, foreign}},
		"nobody":       {map[string][]string{"register-device": {"NONE"}}, []string{admin}, []string{ala, foreign}},
		"local":        {map[string][]string{"register-device": {"LOCAL"}}, []string{ala, admin}, []string{foreign}},
		"domain":       {map[string][]string{"register-device": {"other.org"}}, []string{foreign, admin}, []string{ala}},
		"address":      {map[string][]string{"register-device": {"ADMIN", "ala@example.com"}}, []string{ala, admin}, []string{foreign}},
		"all commands": {map[string][]string{"register-device": {"NONE"}, "ALL": {"other.org"}}, []string{foreign, admin}, []string{ala}},
		"another's":    {map[string][]string{"unregister-device": {"NONE"}}, []string{ala, foreign, admin}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *Config) {
				c.Commands, c.Admins, c.VirtualHosts = tc.rules, []string{"admin@example.com"}, []string{"example.com"}
			})
			list := "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>"
			for _, from := range tc.may {
				want(t, from, w.ask(stanza.SetIQ, from, deviceForm("register-device", "apns-binary-api", "AABB", "")), `status="completed"`)
				want(t, from, w.ask(stanza.GetIQ, from, list), `node="register-device"`)
			}
			for _, from := range tc.not {
				want(t, from, w.ask(stanza.SetIQ, from, deviceForm("register-device", "apns-binary-api", "AABB", "")),
					"<error type='cancel' code='405'><not-allowed ", "You are not allowed to execute this command!")
				if list := w.ask(stanza.GetIQ, from, list); strings.Contains(list, `node="register-device"`) {
					t.Errorf("%s sees the command: %s", from, list)
				}
			}
		})
	}
}
