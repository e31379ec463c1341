package repository

import (
	"errors"
	"time"
)

// ErrNotFound means that the database was asked and has no such row. It is
// never to be confused with "could not ask": the first makes a server drop a
// registration.
var ErrNotFound = errors.New("not found")

// Device is one stored registration.
type Device struct {
	Service     string // component domain under which it was registered
	Account     string // bare JID
	Node        string // pubsub node dedicated to it; Java's rows may share one
	Provider    string // provider id, the bean's name
	Token       string
	SecondToken string // PushKit token; may be empty
	Registered  time.Time
	// LastAccepted is when the push service last accepted a push after a time
	// without; written on a change of state only. Zero: never.
	LastAccepted time.Time
	LastFailure  Failure
	Sandbox      bool // the token belongs to the push service's test environment
}

// Failure is how the last push to a device failed; the zero value: it did not.
type Failure struct {
	Time   time.Time
	Reason string // the push service's word for it
	PushID string
}

// Key names a registration: the account's device with that token, stored under
// any of the providers.
type Key struct {
	Service string
	Account string
	// Providers are the ids that mean the same provider. A new row is stored
	// under the first.
	Providers []string
	Token     string
	AnyCase   bool // the token is compared without regard to case (APNs)
}

// Outcome is what became of a push, as far as a device's row keeps it.
type Outcome struct {
	Time     time.Time
	Accepted bool
	Reason   string // of a failure
	PushID   string
	Sandbox  bool // Accepted: by the test environment
}

// Reason says why a device was removed. It is kept in the tombstone.
type Reason string

// Reasons for removal.
const (
	ReasonUnregistered Reason = "unregistered"    // by the user
	ReasonGone         Reason = "gone"            // by the push service's word
	ReasonDoubtful     Reason = "token refused"   // the token was refused while the provider is trusted
	ReasonAccount      Reason = "account removed" // the server removed the account
	ReasonAdmin        Reason = "by an administrator"
)

// Tombstone is what remains of a removed device for 30 days.
type Tombstone struct {
	Service, Account, Provider string
	TokenHash                  string // first 8 hex digits of the token's SHA-256
	Why                        Reason
	Time                       time.Time
}
