package fcm

import (
	"log/slog"
	"testing"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/fcm/fcmtest"
)

// TestRepeats goes through the policy: what Google may take later is sent again
// after the pause that it asks for, once, by us and not by firebase; the rest is
// not sent again.
func TestRepeats(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	for name, tc := range map[string]struct {
		answer fcmtest.Answer
		pause  time.Duration
		tries  int
		kind   providers.Kind // when it fails
	}{
		"quota":        {answer: fcmtest.Answer{Status: 429, Code: "QUOTA_EXCEEDED", RetryAfter: "1"}, pause: time.Second, tries: 2},
		"project":      {answer: fcmtest.Answer{Status: 429, Limited: true, RetryAfter: "1"}, pause: time.Second, tries: 2},
		"unavailable":  {answer: fcmtest.Answer{Status: 503, Code: "UNAVAILABLE", RetryAfter: "2"}, pause: 2 * time.Second, tries: 2},
		"no answer":    {answer: fcmtest.Answer{Drop: true}, tries: 2},
		"quota, long":  {answer: fcmtest.Answer{Status: 429, Code: "QUOTA_EXCEEDED"}, tries: 1, kind: providers.Throttled},
		"unregistered": {answer: fcmtest.Answer{Status: 404, Code: "UNREGISTERED"}, tries: 1, kind: providers.Gone},
		"argument":     {answer: fcmtest.Answer{Status: 400, Code: "INVALID_ARGUMENT", Field: "message.data"}, tries: 1, kind: providers.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := providers.NewSet(slog.New(slog.DiscardHandler), providers.DefaultOptions(), provider(t, cfg, home))
			if err != nil {
				t.Fatal(err)
			}
			before := len(s.Messages())
			tc.answer.Times = 1
			s.Script(token, tc.answer)
			began := time.Now()
			err = set.Push(t.Context(), "fcm-http-v1", target(), plain())
			if ok := tc.tries > 1; ok != (err == nil) || err != nil && providers.KindOf(err) != tc.kind {
				t.Errorf("error %v", err)
			}
			if n := len(s.Messages()) - before; n != tc.tries || time.Since(began) < tc.pause {
				t.Errorf("%d messages in %v, want %d with a pause of %v", n, time.Since(began), tc.tries, tc.pause)
			}
		})
	}
}
