// Package providers says what a notification, the device it goes to, a push
// service and a failure are, and holds the one place with a policy for sending:
// [Set], which looks a provider up, retries, and judges whether its answers can
// be trusted.
//
// It does not know XMPP, databases, or which push services exist.
package providers

import (
	"context"
	"time"
)

// Priority is how urgent a publish says it is (tigase:push:priority:0).
type Priority uint8

const (
	// Unset means that the publish says nothing; it counts as high (Tigase
	// release note push-36: senders that do not know the extension).
	Unset Priority = iota
	// High wakes the device and shows something.
	High
	// Low is delivered when it suits the device.
	Low
)

// Encrypted is the content that only the device can read
// (tigase:push:encrypt:0). Both texts are base64 and pass through unchanged.
type Encrypted struct {
	Data string // cipher text and GCM tag
	IV   string // 12 bytes
	VoIP bool   // type='voip': about a call; a call's proposal only together with high priority
}

// Call is what a publish says in clear about a call
// (tigase:push:jingle:0 or tigase:push:meet:0).
type Call struct {
	Action string // propose, accept, proceed, reject, retract; empty for a meet
	SID    string // the session's id, or the meet's
	Media  []string
	Meet   bool
}

// Notification is what was published, free of XML. Texts are plain Unicode,
// un-escaped and without the servers' placeholder texts; an empty text means
// that the publish does not hold it.
type Notification struct {
	ID        string // lower-case UUID, made once per push: apns-id, FCM message id
	Account   string // bare JID that owns the device
	Sender    string // JID of the last message's sender
	Body      string // text of the last message
	Nickname  string // sender's nickname in a group chat
	Event     string // account event, such as "account-removed"
	Count     *int   // messages waiting; nil means unknown, which is not 0
	Priority  Priority
	Groupchat bool
	Encrypted *Encrypted
	Call      *Call
	Collapse  string // key under which pushes replace each other; empty means ID
}

// Urgent reports whether the notification is to wake its user: the priority is
// high, or the publish says nothing about it.
func (n *Notification) Urgent() bool { return n.Priority != Low }

// Fetched reports whether the notification says that the waiting messages were
// fetched, so that the device clears what it shows (reference: Siskin's rule, a
// count of 0 and nothing else).
func (n *Notification) Fetched() bool {
	return n.Count != nil && *n.Count == 0 && n.Sender == "" && n.Body == "" && n.Event == "" &&
		n.Encrypted == nil && n.Call == nil && !n.Groupchat && n.Priority != High
}

// Rings reports whether the notification is to make a device with a second
// token ring: a call is offered, and only the device can read by whom. Any other
// push to a second token shows a phantom call, and iOS ends delivery for it
// (Apple, "Responding to VoIP notifications from PushKit").
func (n *Notification) Rings() bool {
	offered := n.Call == nil || n.Call.Meet || n.Call.Action == "" || n.Call.Action == "propose"
	return offered && n.Event == "" && n.Encrypted != nil && n.Encrypted.VoIP && n.Urgent()
}

// Target is the device that a push goes to, as its registration has it.
type Target struct {
	Account     string // bare JID, for the device's vote in [Set]'s trust
	Token       string // APNs device token (hex) or FCM registration token
	SecondToken string // PushKit token for calls; may be empty
	Registered  time.Time
	Accepted    time.Time // when the push service last accepted a push to it; zero: never
	Sandbox     bool      // the token is known to belong to the push service's test environment
	// Until is when the attempt is to be over, if ctx does not end it before; zero:
	// only ctx ends it. A context of its own for each attempt costs as much as its
	// payload.
	Until time.Time
	// Moved, if it is set, is told before Push returns that the push was accepted
	// in the other environment than Sandbox says, for the next push to start
	// there.
	Moved func(sandbox bool)
}

// Bound returns a context that ends with ctx, or with the attempt.
func (t *Target) Bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if t.Until.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, t.Until)
}

// Info describes a provider to clients.
type Info struct {
	ID         string   // the bean's name; what clients send as "provider"
	Aliases    []string // further ids under which devices are served
	Label      string   // for people: "APNs", "FCM"
	Features   []string // of register-device's result form, e.g. tigase:push:encrypt:0
	MaxPayload int      // bytes of base64 cipher text that fit in a push payload
	AnyCase    bool     // device tokens are compared without regard to case
}

// Provider sends to one push service.
type Provider interface {
	// Info returns the same id and aliases at every call; its features may
	// change with the provider's certificate.
	Info() Info
	// CheckToken says in a sentence for people what is wrong with a device
	// token that somebody registers; nil when it can be one.
	CheckToken(token string) error
	// Push makes one attempt. The error is an [*Error], or wraps one; a nil
	// error means that the push service accepted the push.
	Push(ctx context.Context, to Target, n Notification) error
}
