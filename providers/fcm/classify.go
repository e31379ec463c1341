package fcm

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/tpush/tpush/providers"
)

// kinds is what each of FCM's error codes means (Google, "ErrorCode" of the
// REST reference).
var kinds = map[string]providers.Kind{
	"UNREGISTERED":       providers.Gone,
	"SENDER_ID_MISMATCH": providers.Doubtful,
	"INVALID_ARGUMENT":   providers.Doubtful, // unless another field than the token is named
	"QUOTA_EXCEEDED":     providers.Throttled,
	"UNAVAILABLE":        providers.Temporary,
	"INTERNAL":           providers.Temporary,
	"UNSPECIFIED_ERROR":  providers.Temporary,
	thirdParty:           providers.Unauthorized,
}

// thirdParty is the word for what Google sends on to others with: an APNs or
// web push key that the Firebase project lacks. Our access token is good.
const thirdParty = "THIRD_PARTY_AUTH_ERROR"

// These pauses are kept when an answer names none (Google, "Throttling and quotas").
const (
	quotaPause   = time.Minute
	troublePause = 10 * time.Second
)

// answer is the body of an answer that is no 200, as far as it counts.
type answer struct {
	Error struct {
		Status  string `json:"status"`
		Details []struct {
			Type       string `json:"@type"`
			ErrorCode  string `json:"errorCode"`
			Violations []struct {
				Field string `json:"field"`
			} `json:"fieldViolations"`
		} `json:"details"`
	} `json:"error"`
}

// classify makes the error of an answer that is no 200. Only FCM's own code in
// the details speaks of the device; the status alone is about our request.
func classify(status int, contentType string, body []byte, retryAfter time.Duration) *providers.Error {
	e := &providers.Error{Status: status, RetryAfter: retryAfter}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		a = answer{}
		if status == http.StatusNotFound && strings.Contains(contentType, "html") {
			e.Kind, e.Reason = providers.Unauthorized, "dead endpoint"
			e.Err = errors.New("nothing answers at this address any more: look at 'endpoint' and 'project-id'")
			return e
		}
	}
	code, otherField := "", false
	for _, d := range a.Error.Details {
		if strings.HasSuffix(d.Type, "FcmError") {
			code = d.ErrorCode
		}
		for _, v := range d.Violations {
			otherField = otherField || v.Field != "message.token"
		}
	}
	e.Reason = code
	kind, known := kinds[code]
	switch {
	case !known:
		e.Kind = byStatus(status)
		if e.Reason == "" {
			e.Reason = a.Error.Status
		}
	case code == "INVALID_ARGUMENT" && otherField:
		e.Kind = providers.Refused
	default:
		e.Kind = kind
	}
	if e.RetryAfter == 0 {
		e.RetryAfter = pause(e, status)
	}
	return e
}

func byStatus(status int) providers.Kind {
	switch {
	case status == http.StatusTooManyRequests:
		return providers.Throttled
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return providers.Unauthorized
	case status >= 400 && status < 500:
		return providers.Refused
	}
	return providers.Temporary
}

// pause is what Google asks for when an answer does not say.
func pause(e *providers.Error, status int) time.Duration {
	switch {
	case e.Kind == providers.Throttled:
		return quotaPause
	case status >= 500:
		return troublePause
	}
	return 0
}
