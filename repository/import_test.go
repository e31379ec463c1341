package repository

import (
	"errors"
	"testing"
	"time"
)

// TestImport stores devices with their times and nodes, all of a call or none.
func TestImport(t *testing.T) {
	engines(t, func(t *testing.T, open func() *Devices) {
		d := open()
		registered := register(t, d, key("AB"), "voip1", "n1")
		at := time.Date(2026, 5, 1, 12, 0, 0, 5e6, time.UTC)
		others := []Device{
			{Service: "push.example.com", Account: "ola@example.com", Node: "n2", Provider: "fcm-http-v1", Token: "Tok:en", Registered: at, LastAccepted: at.Add(time.Hour), Sandbox: true},
			{Service: "push.example.com", Account: "ola@example.com", Node: "n3", Provider: "apns-binary-api", Token: "CD", SecondToken: "voip2"},
		}
		if err := d.Import(t.Context(), others); err != nil {
			t.Fatal(err)
		}
		for _, want := range others {
			if got := byNode(t, d, want.Node); len(got) != 1 || got[0] != want {
				t.Errorf("imported %+v, want %+v", got, want)
			}
		}
		again := registered
		again.Node, again.SecondToken = "other", "voip3"
		if err := d.Import(t.Context(), []Device{again}); err != nil {
			t.Fatal(err)
		}
		if got := byNode(t, d, "n1"); len(got) != 1 || got[0].SecondToken != "voip3" {
			t.Errorf("a device that was there: %+v", got)
		}
		older := again
		older.SecondToken, older.Registered, older.LastAccepted = "voip0", at, at
		if err := d.Import(t.Context(), []Device{older}); err != nil {
			t.Fatal(err)
		}
		if got := byNode(t, d, "n1"); len(got) != 1 || got[0].SecondToken != "voip3" || !got[0].LastAccepted.IsZero() {
			t.Errorf("an older state was imported over a newer one: %+v", got)
		}
		bad := others[0]
		bad.Token = ""
		good := others[0]
		good.Token, good.Node = "new", "n4"
		if err := d.Import(t.Context(), []Device{good, bad}); !errors.Is(err, ErrInvalid) {
			t.Errorf("without a token: %v", err)
		}
		if got := byNode(t, d, "n4"); len(got) != 0 {
			t.Errorf("half of an import is stored: %+v", got)
		}
	})
}
