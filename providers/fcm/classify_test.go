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
		"404 of another kind": {fcmtest.Answer{Status: 404, Code: "NEW_CODE"}, providers.Refused, "NEW_CODE", 0},
		"no such project":     {fcmtest.Answer{Status: 404}, providers.Unauthorized, "NOT_FOUND", 0},
		"404 of no JSON":      {fcmtest.Answer{Status: 404, Body: "not here", ContentType: "text/plain"}, providers.Refused, "", 0},
		"login page":          {fcmtest.Answer{Status: 200, Body: "<html>log in</html>", ContentType: "text/html"}, providers.Temporary, "no answer of FCM", 0},
		"page sent as JSON":   {body(200, "<html>"), providers.Temporary, "no answer of FCM", 0},
		"empty 200":           {body(200, ""), providers.Temporary, "no answer of FCM", 0},
		"dead endpoint":       {fcmtest.Answer{Status: 404, Body: "<html>404</html>", ContentType: "text/html; charset=UTF-8"}, providers.Unauthorized, "dead endpoint", 0},
		"moved":               {fcmtest.Answer{Status: 410, Body: "<html>", ContentType: "text/html"}, providers.Refused, "", 0},
		"other sender":        {fcmtest.Answer{Status: 403, Code: "SENDER_ID_MISMATCH"}, providers.Doubtful, "SENDER_ID_MISMATCH", 0},
		"not allowed":         {fcmtest.Answer{Status: 403}, providers.Unauthorized, "PERMISSION_DENIED", 0},
		"argument":            {fcmtest.Answer{Status: 400, Code: "INVALID_ARGUMENT"}, providers.Doubtful, "INVALID_ARGUMENT", 0},
		"argument: token":     {fcmtest.Answer{Status: 400, Code: "INVALID_ARGUMENT", Field: "message.token"}, providers.Doubtful, "INVALID_ARGUMENT", 0},
		"argument: both":      {fcmtest.Answer{Status: 400, Code: "INVALID_ARGUMENT", Field: "message.token", AlsoField: "message.data"}, providers.Refused, "INVALID_ARGUMENT", 0},
		"bad JSON: token":     {fcmtest.Answer{Status: 400, Field: "message.token"}, providers.Doubtful, "INVALID_ARGUMENT", 0},
		"argument, no code":   {fcmtest.Answer{Status: 400}, providers.Refused, "INVALID_ARGUMENT", 0},
		"code as status":      {body(404, `{"error":{"code":404,"status":"UNREGISTERED"}}`), providers.Gone, "UNREGISTERED", 0},
		"argument: data":      {fcmtest.Answer{Status: 400, Code: "INVALID_ARGUMENT", Field: "message.data"}, providers.Refused, "INVALID_ARGUMENT", 0},
		"bad JSON":            {fcmtest.Answer{Status: 400, Field: "message"}, providers.Refused, "INVALID_ARGUMENT", 0},
		"quota":               {fcmtest.Answer{Status: 429, Code: "QUOTA_EXCEEDED", RetryAfter: "7"}, providers.Throttled, "QUOTA_EXCEEDED", 7 * time.Second},
		"quota, date":         {fcmtest.Answer{Status: 429, Code: "QUOTA_EXCEEDED", RetryAfter: "Fri, 31 Dec 9999 23:59:59 GMT"}, providers.Throttled, "QUOTA_EXCEEDED", 24 * time.Hour},
		"quota, past date":    {fcmtest.Answer{Status: 429, Code: "QUOTA_EXCEEDED", RetryAfter: "Sat, 01 Jan 2000 00:00:00 GMT"}, providers.Throttled, "QUOTA_EXCEEDED", time.Minute},
		"quota, no pause":     {fcmtest.Answer{Status: 429, Code: "QUOTA_EXCEEDED"}, providers.Throttled, "QUOTA_EXCEEDED", time.Minute},
		"unavailable, told":   {fcmtest.Answer{Status: 503, Code: "UNAVAILABLE", RetryAfter: "30"}, providers.Temporary, "UNAVAILABLE", 30 * time.Second},
		"bare 503":            {body(503, ""), providers.Temporary, "", 10 * time.Second},
		"unavailable":         {fcmtest.Answer{Status: 503, Code: "UNAVAILABLE"}, providers.Temporary, "UNAVAILABLE", 10 * time.Second},
		"internal":            {fcmtest.Answer{Status: 500, Code: "INTERNAL"}, providers.Temporary, "INTERNAL", 10 * time.Second},
		"internal, told":      {fcmtest.Answer{Status: 500, Code: "INTERNAL", RetryAfter: "3"}, providers.Temporary, "INTERNAL", 3 * time.Second},
		"unspecified":         {fcmtest.Answer{Status: 500, Code: "UNSPECIFIED_ERROR"}, providers.Temporary, "UNSPECIFIED_ERROR", 10 * time.Second},
		"new code":            {fcmtest.Answer{Status: 400, Code: "NEW_CODE"}, providers.Refused, "NEW_CODE", 0},
		"new code, 5xx":       {fcmtest.Answer{Status: 503, Code: "NEW_CODE"}, providers.Temporary, "NEW_CODE", 10 * time.Second},
		"quota without code":  {fcmtest.Answer{Status: 429}, providers.Throttled, "RESOURCE_EXHAUSTED", time.Minute},
		"no JSON":             {fcmtest.Answer{Status: 400, Body: "{", ContentType: "application/json"}, providers.Refused, "", 0},
		"third party":         {fcmtest.Answer{Status: 401, Code: "THIRD_PARTY_AUTH_ERROR"}, providers.Refused, "THIRD_PARTY_AUTH_ERROR", 0},
		"third party, 2018":   {fcmtest.Answer{Status: 401, Code: "APNS_AUTH_ERROR"}, providers.Refused, "APNS_AUTH_ERROR", 0},
		"access token":        {fcmtest.Answer{Status: 401}, providers.Unauthorized, "UNAUTHENTICATED", 0},
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
			if n := len(s.Messages()) - before; n != 1 || time.Since(began) > 5*time.Second { // they would take 7 s
				t.Errorf("%d attempts in %v, want one: firebase's own repeats are not cut short", n, time.Since(began))
			}
			if strings.Contains(err.Error(), token) {
				t.Errorf("the error shows the token: %v", err)
			}
		})
	}
}

// body is an answer with that body.
func body(status int, text string) fcmtest.Answer {
	if text == "" {
		text = " "
	}
	return fcmtest.Answer{Status: status, Body: text, ContentType: "application/json"}
}

// What an admin has to do something about says what.
func TestAdvice(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	p := provider(t, cfg, home)
	for want, a := range map[string]fcmtest.Answer{
		"another Firebase project":                  {Status: 403, Code: "SENDER_ID_MISMATCH"},
		"Firebase Cloud Messaging API Admin":        {Status: 403, Description: "API has not been used in project 1"},
		"Google says: API has not been used":        {Status: 403, Description: "API has not been used in project 1"},
		"this machine's clock":                      {Status: 401},
		"look at 'project-id'":                      {Status: 404},
		"the network's login page":                  {Status: 200, Body: "<html>", ContentType: "text/html"},
		"Firebase console":                          {Status: 401, Code: "THIRD_PARTY_AUTH_ERROR"},
		"look at 'endpoint'":                        {Status: 404, Body: "<html>", ContentType: "text/html"},
		"Invalid value at 'message.token', (token)": {Status: 400, Field: "message", Description: "Invalid value at 'message.token', " + token},
	} {
		s.Script(token, a)
		if err := p.Push(t.Context(), target(), plain()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}

// Google's front says that the project has used up its minute: nothing goes out
// until that is over. FCM's own QUOTA_EXCEEDED may be about the device alone.
func TestProjectQuotaHoldsTheProject(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	p := provider(t, cfg, home)
	s.Script(token, fcmtest.Answer{Status: 429, Code: "QUOTA_EXCEEDED", RetryAfter: "30"})
	_ = p.Push(t.Context(), target(), plain())
	other := providers.Target{Token: "another"}
	if err := p.Push(t.Context(), other, plain()); err != nil {
		t.Errorf("another device: %v", err)
	}
	s.Script(token, fcmtest.Answer{Status: 429, Limited: true, RetryAfter: "30"})
	_ = p.Push(t.Context(), target(), plain())
	before := len(s.Messages())
	var got *providers.Error
	if err := p.Push(t.Context(), other, plain()); !errors.As(err, &got) || got.Kind != providers.Throttled || got.RetryAfter < 25*time.Second || got.RetryAfter > 30*time.Second {
		t.Errorf("error %v, want the rest of the 30 s", err)
	}
	if n := len(s.Messages()) - before; n != 0 {
		t.Errorf("%d messages were sent all the same", n)
	}
}

func FuzzClassify(f *testing.F) {
	f.Add(404, "application/json", []byte(`{"error":{"status":"NOT_FOUND","details":[{"@type":"x.FcmError","errorCode":"UNREGISTERED"}]}}`))
	f.Add(404, "text/html", []byte("<html>"))
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		e, _ := classify(&exchange{device: token, status: status, contentType: contentType, body: body})
		if e.Kind == providers.Gone && e.Reason != "UNREGISTERED" {
			t.Errorf("gone for the reason %q", e.Reason)
		}
	})
}
