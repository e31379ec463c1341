package providers

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestShortBody(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 1, 512: 512, 513: 501, 5000: 501} {
		x := Notification{Body: strings.Repeat("é", n)}
		if got := len([]rune(x.ShortBody())); got != want {
			t.Errorf("%d characters become %d, want %d", n, got, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "99999999999999999999": 0, "1000000": 24 * time.Hour,
		now.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second, now.Add(-time.Hour).Format(http.TimeFormat): 0,
	} {
		if got := RetryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}
