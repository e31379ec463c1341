package providers

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"
)

// Lengths of a message's text in characters (guide §6.1).
const (
	maxBody   = 512
	shortBody = 500
)

// ShortBody is the text of the last message as it goes into a push: one with
// more than 512 characters is its first 500 and an ellipsis.
func (n *Notification) ShortBody() string {
	if utf8.RuneCountInString(n.Body) <= maxBody {
		return n.Body
	}
	return string([]rune(n.Body)[:shortBody]) + "…"
}

// ShortToken is how a device token stands in a log: the first 8 hex digits of
// its SHA-256.
func ShortToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:4])
}

// RetryAfter reads the header of that name: seconds or a date (RFC 9110
// section 10.2.3). It is 0 for none, and at most a day.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	const most = 24 * time.Hour
	value := h.Get("Retry-After")
	if n, err := strconv.Atoi(value); err == nil && n > 0 {
		return min(time.Duration(min(n, 86400))*time.Second, most)
	}
	if t, err := http.ParseTime(value); err == nil && t.After(now) {
		return min(t.Sub(now), most)
	}
	return 0
}
