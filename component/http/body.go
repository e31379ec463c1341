package http

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/tpush/tpush/component/push"
	"mellium.im/xmpp/jid"
)

// maxBody is the size of the largest body that is read, in bytes: an address
// has up to 3071, a token up to 4096.
const maxBody = 16 << 10

// unregistration is what an app asks for: the guide's three fields (section
// 6.2).
type unregistration struct {
	account jid.JID
	device  push.Registration
}

// parseUnregistration reads a request's body. Fields besides the three are
// passed over. The error never gets to the client.
func parseUnregistration(body []byte) (unregistration, error) {
	var u unregistration
	if !utf8.Valid(body) {
		return u, errors.New("the body is no UTF-8")
	}
	var fields map[string]json.RawMessage // keys are compared exactly, as Java does
	if err := json.Unmarshal(body, &fields); err != nil {
		return u, fmt.Errorf("the body is no JSON object: %w", err)
	}
	account := ""
	for name, into := range map[string]*string{"account": &account, "provider": &u.device.Provider, "device-token": &u.device.Token} {
		if err := json.Unmarshal(fields[name], into); err != nil || *into == "" {
			return u, fmt.Errorf("field %s is missing or no text", name)
		}
	}
	parsed, err := jid.Parse(account)
	if err != nil {
		return u, fmt.Errorf("account: %w", err)
	}
	if parsed.Localpart() == "" {
		return u, errors.New("account is not a user's address")
	}
	u.account = parsed.Bare()
	return u, nil
}
