package repository

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

func TestCertificates(t *testing.T) {
	databases(t, func(t *testing.T, uri string) {
		ctx := t.Context()
		one, other := NewCertificates(openUsers(t, uri)), NewCertificates(openUsers(t, uri))
		if got, err := one.Versions(ctx); err != nil || len(got) != 0 {
			t.Errorf("versions %v, %v", got, err)
		}
		if _, err := one.Load(ctx, "push.apns-binary-api"); !errors.Is(err, ErrNotFound) {
			t.Errorf("nothing stored: %v", err)
		}
		version, err := one.Store(ctx, "push.apns-binary-api", Certificate{P12: []byte("\x30\x82binary"), Password: "Pa$$w0rd"})
		ok(t, err)
		got, err := other.Load(ctx, "push.apns-binary-api")
		if err != nil || string(got.P12) != "\x30\x82binary" || got.Password != "Pa$$w0rd" || got.Version != version || len(got.PEM) != 0 {
			t.Errorf("loaded %v, %v", got.Version, err)
		}
		again, err := other.Store(ctx, "push.apns-binary-api", Certificate{PEM: []byte("-----BEGIN")})
		ok(t, err)
		versions, err := one.Versions(ctx)
		if err != nil || len(versions) != 1 || versions["push.apns-binary-api"] != again || again == version {
			t.Errorf("versions %v, %v", versions, err)
		}
		if got, err = one.Load(ctx, "push.apns-binary-api"); err != nil || string(got.PEM) != "-----BEGIN" || len(got.P12) != 0 || got.Password != "" {
			t.Errorf("loaded %v, %v", got.Version, err)
		}
		if _, err := one.Store(ctx, "a/b", Certificate{}); err == nil {
			t.Error("a name with a slash was stored")
		}
	})
}

func TestFindCertificates(t *testing.T) {
	databases(t, func(t *testing.T, uri string) {
		u, ctx := openUsers(t, uri), t.Context()
		der := strings.Repeat("\x30\x82\x03\x00", 300)
		text := base64.StdEncoding.EncodeToString([]byte(der))
		ok(t, u.SetData(ctx, "push.example.com", "apns/default", "certificate", text))
		ok(t, u.SetData(ctx, "notifier.example.com", "", "c", text))
		ok(t, u.SetData(ctx, "push.example.com", "", "other", "MIIno"))
		ok(t, u.SetData(ctx, "pusher@example.com", "", "c", text))
		_, err := NewCertificates(u).Store(ctx, "push.x", Certificate{P12: []byte(der)})
		ok(t, err)
		found, err := u.FindCertificates(ctx)
		if err != nil || len(found) != 1 || found[0].String() != "push.example.com:apns/default:certificate" {
			t.Fatalf("found %v, %v", found, err)
		}
		if more, err := u.FindCertificates(ctx, "Notifier.example.com"); err != nil || len(more) != 2 {
			t.Errorf("found %v, %v", more, err)
		}
		entry, err := ParseEntry(found[0].String())
		ok(t, err)
		if got, err := NewCertificates(u).LoadFrom(ctx, entry); err != nil || string(got.P12) != der {
			t.Errorf("loaded %v", err)
		}
		if _, err := ParseEntry("user:node"); err == nil {
			t.Error("no error")
		}
	})
}
