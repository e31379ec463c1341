package fcm

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/providers"
)

func number(n int) *int { return &n }

func cipher(voip bool) *providers.Encrypted {
	return &providers.Encrypted{Data: "mD3v==", IV: "q83vASNFZ4kBI0Vn", VoIP: voip}
}

// TestCompose compares each kind of notification with its golden file, the
// message as it goes to Google.
func TestCompose(t *testing.T) {
	for name, n := range map[string]providers.Notification{
		"plain":           {Sender: "ola@example.org/desk", Body: "See you at noon", Count: number(3)},
		"plain-high":      {Sender: "ola@example.org/desk", Body: "See you", Priority: providers.High},
		"plain-low":       {Sender: "ola@example.org/desk", Body: "See you", Priority: providers.Low},
		"special":         {Sender: "o@e", Body: "a & b <c> \"q\" 'é' 😀\nline\u2028"},
		"long":            {Sender: "o@e", Body: strings.Repeat("é", 513)},
		"groupchat":       {Sender: "room@muc/ola", Body: "hi", Nickname: "ola", Groupchat: true},
		"nothing":         {Collapse: "acc"},
		"fetched":         {Count: number(0), Priority: providers.Low},
		"encrypted":       {Encrypted: cipher(false), Count: number(1), Nickname: "hidden", Sender: "hidden", Body: "hidden"},
		"encrypted-low":   {Encrypted: cipher(false), Priority: providers.Low},
		"call":            {Encrypted: cipher(true), Priority: providers.High, Call: &providers.Call{Action: "propose"}},
		"call-ended":      {Encrypted: cipher(true), Priority: providers.Low, Call: &providers.Call{Action: "retract"}},
		"call-plain":      {Sender: "ola@e/d", Call: &providers.Call{Action: "propose"}, Priority: providers.High},
		"account-removed": {Event: "account-removed", Encrypted: cipher(false), Priority: providers.Low},
	} {
		t.Run(name, func(t *testing.T) {
			n.Account = "ala@example.com"
			text, err := json.Marshal(compose("T", n, maxExpiration))
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := json.Indent(&got, text, "", "  "); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", name+".json"), got.String()+"\n")
		})
	}
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

func TestLifeAndPriority(t *testing.T) {
	day := 24 * time.Hour
	for name, tc := range map[string]struct {
		n        providers.Notification
		priority string
		ttl      time.Duration
	}{
		"message":         {providers.Notification{}, "high", day},
		"low":             {providers.Notification{Priority: providers.Low}, "normal", day},
		"account event":   {providers.Notification{Priority: providers.Low, Event: "account-removed"}, "high", day},
		"call":            {providers.Notification{Encrypted: cipher(true)}, "high", 30 * time.Second},
		"end of the call": {providers.Notification{Encrypted: cipher(true), Priority: providers.Low}, "normal", day},
	} {
		m := compose("T", tc.n, day)
		if m.Android.Priority != tc.priority || *m.Android.TTL != tc.ttl {
			t.Errorf("%s: %s for %v", name, m.Android.Priority, *m.Android.TTL)
		}
	}
	if m := compose("T", providers.Notification{Encrypted: cipher(true)}, 0); *m.Android.TTL != 0 {
		t.Errorf("a call is kept %v although nothing is to be", *m.Android.TTL)
	}
}
