package providers

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what a failed push means for the device and for trying again. What
// is answered to the XMPP server for each is decided in component/push.
type Kind uint8

const (
	// Temporary is trouble that passes: 5xx, no connection, anything new.
	Temporary Kind = iota
	// Throttled is the push service's limit for this device (429).
	Throttled
	// Unknown means that the request was written and no answer came.
	Unknown
	// Gone means that the token is dead, by the push service's own word.
	Gone
	// Doubtful means that the token or our configuration is wrong.
	Doubtful
	// Refused means that our request is wrong; the device is fine.
	Refused
	// Unauthorized means that our certificate, key or topic was refused.
	Unauthorized
)

// String returns the kind's name in lower case, as used in logs and metrics.
func (k Kind) String() string {
	names := [...]string{"temporary", "throttled", "unknown", "gone", "doubtful", "refused", "unauthorized"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Error is a push that was not accepted. It never holds a token in full.
type Error struct {
	Kind       Kind
	Second     bool          // the second (VoIP) token is meant, not the first
	RetryAfter time.Duration // what the push service asked for; 0: nothing
	GoneSince  time.Time     // Gone: since when the token is dead, if told (APNs 410 "timestamp")
	Status     int           // HTTP status; 0: no answer
	Reason     string        // the push service's word for it, e.g. "BadDeviceToken"
	Sandbox    bool          // the answer came from the test environment
	Trusted    bool          // Doubtful: the provider is trusted, so that the token is wrong; set by [Set]
	Err        error         // the cause, if it is one of ours
}

// Error describes the failure in one line.
func (e *Error) Error() string {
	s := e.Kind.String()
	if e.Status != 0 {
		s += fmt.Sprintf(": status %d", e.Status)
	}
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of a push's failure: that of the first [*Error] in
// err's chain, Temporary when there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Temporary
}
