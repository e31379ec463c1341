package fcm

import (
	"time"

	"firebase.google.com/go/v4/messaging"
	"github.com/tpush/tpush/providers"
)

// maxData is the size of a message's data in bytes (Google, "About FCM
// messages").
const maxData = 4096

// callLife is how long a call is of use to a device that is off.
const callLife = 30 * time.Second

// compose turns a notification into a message: data only, so that the app is
// always woken and shows what it wants. Google keeps it that long for a device
// that is off; a call, shortly.
func compose(token string, n providers.Notification, life time.Duration) *messaging.Message {
	if n.IsCall() && n.Urgent() {
		life = min(life, callLife)
	}
	priority := "high"
	if !n.Wakes() {
		priority = "normal"
	}
	return &messaging.Message{Token: token, Data: n.Data(maxData),
		Android: &messaging.AndroidConfig{Priority: priority, TTL: &life, CollapseKey: n.Collapse}}
}
