package providers

import (
	"strings"
	"testing"
)

// What does not fit is taken away in an order; the account stays.
func TestData(t *testing.T) {
	const limit = 4096
	for name, tc := range map[string]struct {
		n    Notification
		kept []string
		gone []string
	}{
		"body":      {Notification{Body: strings.Repeat("😀", 600), Sender: strings.Repeat("s", 3000)}, []string{"body", "sender"}, nil},
		"sender":    {Notification{Sender: strings.Repeat("s", 5000), Nickname: "n"}, []string{"nickname"}, []string{"sender", "body"}},
		"encrypted": {Notification{Encrypted: &Encrypted{Data: strings.Repeat("A", 6128), IV: "iv", VoIP: true}}, nil, []string{"encrypted", "iv", "type"}},
		"fits":      {Notification{Encrypted: &Encrypted{Data: strings.Repeat("A", 3072), IV: "iv"}}, []string{"encrypted", "iv"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tc.n.Account = "a@b"
			data := tc.n.Data(limit)
			if size(data) > limit || data["account"] != "a@b" {
				t.Errorf("%d bytes, account %q", size(data), data["account"])
			}
			if name == "body" && (!strings.HasSuffix(data["body"], "…") || size(data) < limit-8) {
				t.Errorf("%d bytes with a body of %d", size(data), len(data["body"]))
			}
			for _, key := range tc.kept {
				if data[key] == "" {
					t.Errorf("%s is gone", key)
				}
			}
			for _, key := range tc.gone {
				if data[key] != "" {
					t.Errorf("%s is left", key)
				}
			}
		})
	}
}
