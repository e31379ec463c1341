package fcm

import (
	"strconv"
	"time"

	"firebase.google.com/go/v4/messaging"
	"github.com/tpush/tpush/providers"
)

// maxData is the size of a message's data in bytes (Google, "About FCM
// messages").
const maxData = 4096

const (
	// life is how long Google keeps a message for a device that is off: the
	// longest time it takes.
	life     = 28 * 24 * time.Hour
	callLife = 30 * time.Second
)

// compose turns a notification into a message: data only, so that the app is
// always woken and shows what it wants. The keys are those of guide §6.1.1 and,
// for what is newer, the same as for APNs.
func compose(token string, n providers.Notification) *messaging.Message {
	data := map[string]string{"account": n.Account}
	if n.Count != nil {
		data["unread-messages"] = strconv.Itoa(*n.Count)
	}
	if e := n.Encrypted; e != nil && n.Event == "" {
		data["encrypted"], data["iv"] = e.Data, e.IV
		if e.VoIP {
			data["type"] = "voip"
		}
	} else {
		set(data, "sender", n.Sender)
		set(data, "body", n.ShortBody())
		set(data, "nickname", n.Nickname)
	}
	set(data, "event", n.Event)
	fit(data)
	ttl := life
	priority := "high"
	switch {
	case isCall(n) && n.Urgent():
		ttl = callLife
	case !n.Urgent() && n.Event == "":
		priority = "normal"
	}
	return &messaging.Message{Token: token, Data: data,
		Android: &messaging.AndroidConfig{Priority: priority, TTL: &ttl, CollapseKey: n.Collapse}}
}

func isCall(n providers.Notification) bool {
	return n.Call != nil || n.Encrypted != nil && n.Encrypted.VoIP
}

func set(data map[string]string, key, value string) {
	if value != "" {
		data[key] = value
	}
}

// fit takes away until the data has the size: first the body's end, then the
// sender, then the cipher text with what belongs to it; the account stays.
func fit(data map[string]string) {
	for body := []rune(data["body"]); size(data) > maxData && len(body) > 0; {
		body = body[:max(0, len(body)-1-(size(data)-maxData)/4)]
		data["body"] = string(body) + "…"
		if len(body) == 0 {
			delete(data, "body")
		}
	}
	for _, keys := range [][]string{{"sender"}, {"nickname"}, {"encrypted", "iv", "type"}} {
		if size(data) <= maxData {
			return
		}
		for _, key := range keys {
			delete(data, key)
		}
	}
}

func size(data map[string]string) (n int) {
	for k, v := range data {
		n += len(k) + len(v)
	}
	return n
}
