package providers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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
	var b [8]byte
	return string(AppendShortToken(b[:0], token))
}

// AppendShortToken appends a device token's [ShortToken].
func AppendShortToken(b []byte, token string) []byte {
	var text [128]byte // spares an allocation
	sum := sha256.Sum256(append(text[:0], token...))
	return hex.AppendEncode(b, sum[:4])
}

// maxToken is the length of an opaque device token, in bytes. Google names none;
// those in use have about 200.
const maxToken = 4096

// CheckOpaqueToken accepts what can be a device token of no known form; what is
// its name in the error.
func CheckOpaqueToken(what, token string) error {
	if token == "" || len(token) > maxToken {
		return fmt.Errorf("an %s has 1 to %d characters", what, maxToken)
	}
	for _, c := range []byte(token) {
		if c <= ' ' || c > '~' {
			return fmt.Errorf("an %s holds printable ASCII characters only", what)
		}
	}
	return nil
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
