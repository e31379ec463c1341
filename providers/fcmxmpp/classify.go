package fcmxmpp

import (
	"errors"
	"strings"

	"github.com/tpush/tpush/providers"
)

// draining is the word for a connection that the server is about to close.
const draining = "CONNECTION_DRAINING"

// kinds is what each error code of a nack means (Google, "XMPP server
// reference", table 4).
var kinds = map[string]providers.Kind{
	"DEVICE_UNREGISTERED":          providers.Gone,
	"BAD_REGISTRATION":             providers.Doubtful,
	"SENDER_ID_MISMATCH":           providers.Doubtful,
	"INVALID_JSON":                 providers.Refused,
	"BAD_ACK":                      providers.Refused,
	"INVALID_APNS_CREDENTIAL":      providers.Refused, // the project lacks a key for iOS; Android devices are well
	"AUTHENTICATION_FAILED":        providers.Unauthorized,
	"DEVICE_MESSAGE_RATE_EXCEEDED": providers.Throttled,
	"TOPICS_MESSAGE_RATE_EXCEEDED": providers.Throttled,
	"SERVICE_UNAVAILABLE":          providers.Temporary,
	"INTERNAL_SERVER_ERROR":        providers.Temporary,
	draining:                       providers.Temporary, // not taken: it goes over another connection
}

// classify makes the error of a nack for a device. A code that is new is
// trouble that passes.
func classify(u *upstream, device string) *providers.Error {
	e := &providers.Error{Kind: kinds[u.Error], Reason: u.Error}
	if e.Kind == providers.Refused && u.Description != "" {
		e.Err = errors.New("the server says: " + strings.ReplaceAll(u.Description, device, "(token)"))
	}
	return e
}
