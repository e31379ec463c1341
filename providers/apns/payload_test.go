package apns

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzEncode compares the push payload with what encoding/json makes of it.
func FuzzEncode(f *testing.F) {
	f.Add("alice@example.com", "New message!", "Ala: <b>&", "ala@example.com/ö", "", "", "", 1, 0, 3, true)
	f.Add("a\"b\\c", "line\nbreak\t\x00\x7f", "\u2028\u2029\xff\xc3", "👍 emoji", "nick", "Y2lwaGVy", "aXY=", 0, 1, -1, true)
	f.Add("", "", "", "", "", "", "", 0, 0, 0, false)
	f.Fuzz(func(t *testing.T, account, alert, body, sender, nickname, encrypted, iv string, mutable, available, unread int, counted bool) {
		c := &content{Aps: aps{Alert: alert, Mutable: mutable, Sound: sender, Category: nickname, Available: available},
			Account: account, Sender: sender, Body: body, Nickname: nickname, Encrypted: encrypted, IV: iv}
		if counted {
			c.Unread = &unread
		}
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		if err := e.Encode(c); err != nil {
			t.Fatal(err)
		}
		if got := string(encode(nil, c)) + "\n"; got != want.String() {
			t.Errorf("got  %s\nwant %s", got, want.String())
		}
	})
}
