package fcm

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/fcm/fcmtest"
)

func TestAnswers(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	p := provider(t, cfg, home)
	for name, tc := range map[string]struct {
		answer fcmtest.Answer
		kind   providers.Kind
		reason string
		after  time.Duration
	}{
		"unregistered":        {fcmtest.Answer{Status: 404, Code: "UNREGISTERED"}, providers.Gone, "UNREGISTERED", 0},
		"404 of another kind": {fcmtest.Answer{Status: 404}, providers.Refused, "NOT_FOUND", 0},
		"dead endpoint":       {fcmtest.Answer{Status: 404, Body: "<html>404</html>", ContentType: "text/html; charset=UTF-8"}, providers.Unauthorized, "dead endpoint", 0},
		"moved":               {fcmtest.Answer{Status: 410, Body: "<html>", ContentType: "text/html"}, providers.Refused, "", 0},
		"other sender":        {fcmtest.Answer{Status: 403, Code: "SENDER_ID_MISMATCH"}, providers.Doubtful, "SENDER_ID_MISMATCH", 0},
		"not allowed":         {fcmtest.Answer{Status: 403}, providers.Unauthorized, "PERMISSION_DENIED", 0},
		"argument":            {fcmtest.Answer{Status: 400, Code: "INVALID_ARGUMENT"}, providers.Doubtful, "INVALID_ARGUMENT", 0},
		"argument: token":     {fcmtest.Answer{Status: 400, Code: "INVALID_ARGUMENT", Field: "message.token"}, providers.Doubtful, "INVALID_ARGUMENT", 0},
		"argument: data":      {fcmtest.Answer{Status: 400, Code: "INVALID_ARGUMENT", Field: "message.data"}, providers.Refused, "INVALID_ARGUMENT", 0},
		"bad JSON":            {fcmtest.Answer{Status: 400, Field: "message"}, providers.Refused, "INVALID_ARGUMENT", 0},
		"quota":               {fcmtest.Answer{Status: 429, Code: "QUOTA_EXCEEDED", RetryAfter: "7"}, providers.Throttled, "QUOTA_EXCEEDED", 7 * time.Second},
		"quota, no pause":     {fcmtest.Answer{Status: 429, Code: "QUOTA_EXCEEDED"}, providers.Throttled, "QUOTA_EXCEEDED", time.Minute},
		"unavailable":         {fcmtest.Answer{Status: 503, Code: "UNAVAILABLE"}, providers.Temporary, "UNAVAILABLE", 10 * time.Second},
		"internal":            {fcmtest.Answer{Status: 500, Code: "INTERNAL"}, providers.Temporary, "INTERNAL", 10 * time.Second},
		"internal, told":      {fcmtest.Answer{Status: 500, Code: "INTERNAL", RetryAfter: "3"}, providers.Temporary, "INTERNAL", 3 * time.Second},
		"unspecified":         {fcmtest.Answer{Status: 500, Code: "UNSPECIFIED_ERROR"}, providers.Temporary, "UNSPECIFIED_ERROR", 10 * time.Second},
		"new code":            {fcmtest.Answer{Status: 400, Code: "NEW_CODE"}, providers.Refused, "NEW_CODE", 0},
		"new code, 5xx":       {fcmtest.Answer{Status: 503, Code: "NEW_CODE"}, providers.Temporary, "NEW_CODE", 10 * time.Second},
		"quota without code":  {fcmtest.Answer{Status: 429}, providers.Throttled, "RESOURCE_EXHAUSTED", time.Minute},
		"no JSON":             {fcmtest.Answer{Status: 400, Body: "{", ContentType: "application/json"}, providers.Refused, "", 0},
		"third party":         {fcmtest.Answer{Status: 401, Code: "THIRD_PARTY_AUTH_ERROR"}, providers.Unauthorized, "THIRD_PARTY_AUTH_ERROR", 0},
		"proxy":               {fcmtest.Answer{Status: 502, Body: "<html>", ContentType: "text/html"}, providers.Temporary, "", 10 * time.Second},
		"dropped":             {fcmtest.Answer{Drop: true}, providers.Unknown, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(s.Messages())
			s.Script(token, tc.answer)
			began := time.Now()
			err := p.Push(t.Context(), target(), plain())
			var got *providers.Error
			if !errors.As(err, &got) {
				t.Fatalf("error %v", err)
			}
			if got.Kind != tc.kind || got.Reason != tc.reason || got.RetryAfter != tc.after {
				t.Errorf("got %+v, want %s %q after %v", *got, tc.kind, tc.reason, tc.after)
			}
			if n := len(s.Messages()) - before; n != 1 || time.Since(began) > 900*time.Millisecond {
				t.Errorf("%d attempts in %v, want one: firebase's own repeats are not cut short", n, time.Since(began))
			}
			if strings.Contains(err.Error(), token) {
				t.Errorf("the error shows the token: %v", err)
			}
		})
	}
}

func FuzzClassify(f *testing.F) {
	f.Add(404, "application/json", []byte(`{"error":{"status":"NOT_FOUND","details":[{"@type":"x.FcmError","errorCode":"UNREGISTERED"}]}}`))
	f.Add(404, "text/html", []byte("<html>"))
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		e := classify(status, contentType, body, 0)
		if e.Kind == providers.Gone && e.Reason != "UNREGISTERED" {
			t.Errorf("gone for the reason %q", e.Reason)
		}
	})
}
