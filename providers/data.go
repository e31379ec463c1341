package providers

import "strconv"

// IsCall reports whether the notification is about a call. Such a one is never
// sent twice, as each rings, and is of no use a minute later.
func (n *Notification) IsCall() bool {
	return n.Call != nil || n.Encrypted != nil && n.Encrypted.VoIP
}

// Wakes reports whether a push is to reach a sleeping device at once: it is
// urgent, or it tells what became of the account.
func (n *Notification) Wakes() bool { return n.Urgent() || n.Event != "" }

// Data is the notification as the values of a push that the app takes apart
// itself. The keys are those of guide §6.1.1 and, for what is newer, the same as
// in APNs push payloads. All values are texts, as FCM demands. Keys and values
// together have at most limit bytes: what does not fit is shortened or left out,
// and the account alone stays in any case.
func (n *Notification) Data(limit int) map[string]string {
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
		put(data, "sender", n.Sender)
		put(data, "body", n.ShortBody())
		put(data, "nickname", n.Nickname)
	}
	put(data, "event", n.Event)
	fit(data, limit)
	return data
}

func put(data map[string]string, key, value string) {
	if value != "" {
		data[key] = value
	}
}

// fit takes away until the data has the size: first the body's end, then what
// the app can do without, at last the cipher text with what belongs to it.
func fit(data map[string]string, limit int) {
	for body := []rune(data["body"]); size(data) > limit && len(body) > 0; {
		body = body[:max(0, len(body)-1-(size(data)-limit)/4)]
		data["body"] = string(body) + "…"
		if len(body) == 0 {
			delete(data, "body")
		}
	}
	for _, keys := range [][]string{{"sender"}, {"nickname"}, {"encrypted", "iv", "type"}, {"event"}} {
		if size(data) <= limit {
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
