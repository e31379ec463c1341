package apns

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/providers"
)

var when = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func number(n int) *int { return &n }

func sealed(voip bool) *providers.Encrypted {
	return &providers.Encrypted{Data: "mD3v==", IV: "q83vASNFZ4kBI0Vn", VoIP: voip}
}

// TestCompose compares each case of the decision table with its golden file:
// the headers, an empty line, and the push payload.
func TestCompose(t *testing.T) {
	for name, tc := range map[string]struct {
		n        providers.Notification
		noSecond bool
		guide    bool
	}{
		"plain":               {n: providers.Notification{Sender: "ola@example.org/desk", Body: "See you at noon", Count: number(3)}},
		"plain-low":           {n: providers.Notification{Sender: "ola@example.org/desk", Body: "See you", Count: number(3), Priority: providers.Low}},
		"plain-special":       {n: providers.Notification{Sender: "o@e", Body: "a & b <c> \"q\" 'é' 😀\nline\u2028"}},
		"body-only":           {n: providers.Notification{Body: "hello"}},
		"sender-only":         {n: providers.Notification{Sender: "ola@example.org", Count: number(1)}},
		"groupchat":           {n: providers.Notification{Sender: "room@muc/ola", Body: "hi", Nickname: "ola", Groupchat: true}},
		"groupchat-no-nick":   {n: providers.Notification{Sender: "room@muc/ola", Body: "hi", Groupchat: true}},
		"nothing":             {n: providers.Notification{Collapse: "acc"}},
		"fetched":             {n: providers.Notification{Count: number(0), Priority: providers.Low}},
		"zero-with-body":      {n: providers.Notification{Count: number(0), Sender: "a@b/c", Body: "x", Priority: providers.High}},
		"encrypted":           {n: providers.Notification{Encrypted: sealed(false), Priority: providers.High, Nickname: "hidden", Sender: "hidden", Body: "hidden", Groupchat: true}},
		"encrypted-low":       {n: providers.Notification{Encrypted: sealed(false), Priority: providers.Low}},
		"call":                {n: providers.Notification{Encrypted: sealed(true), Priority: providers.High, Call: &providers.Call{Action: "propose"}}},
		"call-8.4":            {n: providers.Notification{Encrypted: sealed(true), Priority: providers.High}},
		"call-no-second":      {n: providers.Notification{Encrypted: sealed(true), Priority: providers.High, Call: &providers.Call{Action: "propose"}}, noSecond: true},
		"call-ended":          {n: providers.Notification{Encrypted: sealed(true), Priority: providers.High, Call: &providers.Call{Action: "accept"}}},
		"call-ended-8.4":      {n: providers.Notification{Encrypted: sealed(true), Priority: providers.Low}},
		"call-plain":          {n: providers.Notification{Sender: "ola@e/d", Call: &providers.Call{Action: "propose"}, Priority: providers.High, Count: number(1)}},
		"call-plain-ended":    {n: providers.Notification{Sender: "ola@e/d", Call: &providers.Call{Action: "reject"}, Priority: providers.Low, Count: number(0)}},
		"meet":                {n: providers.Notification{Sender: "ola@e/d", Call: &providers.Call{Meet: true, SID: "m1"}, Priority: providers.High, Count: number(9)}},
		"account-removed":     {n: providers.Notification{Event: "account-removed", Count: number(0), Priority: providers.Low}},
		"account-removed-enc": {n: providers.Notification{Event: "account-removed", Encrypted: sealed(false), Priority: providers.Low}},
		"guide":               {n: providers.Notification{Sender: "ola@example.org/desk", Body: "See you at noon", Count: number(2)}, guide: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := style{topic: topic, alertText: "New message!", expiration: 24 * time.Hour, calls: true, guide: tc.guide}
			to := target()
			if tc.noSecond {
				to.SecondToken = ""
			}
			tc.n.ID, tc.n.Account = pushID, account
			m := composed(&s, &to, &tc.n, when)
			which := "first"
			if m.second {
				which = "second"
			}
			expiration := int64(0)
			if !m.expiration.IsZero() {
				expiration = int64(m.expiration.Sub(when).Seconds())
			}
			got := fmt.Sprintf("token: %s\ntopic: %s\ntype: %s\npriority: %d\nexpires: +%d\nid: %s\ncollapse: %s\n\n%s\n",
				which, m.topic, m.pushType, m.priority, expiration, m.id, m.collapse, m.payload)
			golden(t, filepath.Join("testdata", name+".txt"), got)
		})
	}
}

// composed composes into a message that another push has used.
func composed(s *style, to *providers.Target, n *providers.Notification, now time.Time) *message {
	m := &message{second: true, token: "ff", collapse: "other", payload: []byte("another payload")}
	s.compose(m, to, n, now)
	return m
}

// golden compares with a file; TPUSH_GOLDEN=write writes it instead.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("TPUSH_GOLDEN") == "write" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSizes(t *testing.T) {
	s := style{topic: topic, alertText: "New message!", calls: true}
	for name, n := range map[string]providers.Notification{
		"long":            {Sender: "a@b", Body: strings.Repeat("x", 200_000)},
		"wide":            {Sender: "a@b", Body: strings.Repeat("😀", 512)},
		"wide and long":   {Sender: "a@b", Body: strings.Repeat("😀", 600)},
		"widest":          {Sender: "a@b", Body: strings.Repeat("\u2028", 600)},
		"escapes":         {Sender: "a@b", Body: strings.Repeat("<&>", 170)},
		"long sender":     {Sender: "a@b/" + strings.Repeat("r", 5000), Body: "hi"},
		"wide nickname":   {Nickname: strings.Repeat("ż", 4000), Body: "hi", Groupchat: true},
		"huge encryption": {Encrypted: &providers.Encrypted{Data: strings.Repeat("A", 6128), IV: "iv"}, Priority: providers.High},
		"huge call":       {Encrypted: &providers.Encrypted{Data: strings.Repeat("A", 6128), IV: "iv", VoIP: true}, Priority: providers.High},
		"large call":      {Encrypted: &providers.Encrypted{Data: strings.Repeat("A", 4500), IV: "iv", VoIP: true}, Priority: providers.High},
	} {
		t.Run(name, func(t *testing.T) {
			n.ID, n.Account = pushID, account
			to := target()
			m := composed(&s, &to, &n, when)
			limit := maxPayload
			if m.pushType == typeVoIP {
				limit = maxVoIPPayload
			}
			if len(m.payload) > limit {
				t.Errorf("%s payload of %d bytes", m.pushType, len(m.payload))
			}
			c := decode(t, *m)
			if c["account"] != account {
				t.Error("the account is gone")
			}
			if (name == "large call") != (m.pushType == typeVoIP) {
				t.Errorf("push type %s", m.pushType)
			}
			if name == "wide" && c["body"] != n.Body {
				t.Error("the body was cut before its copy in the alert")
			}
			if body, ok := c["body"].(string); ok && name != "wide" && name != "long sender" && name != "wide nickname" && !strings.HasSuffix(body, "…") && len(n.Body) > 600 {
				t.Errorf("body ends with %q", body[len(body)-8:])
			}
		})
	}
}
