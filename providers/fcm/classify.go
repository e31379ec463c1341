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
	invalidArgument:      providers.Doubtful, // see violations
	"QUOTA_EXCEEDED":     providers.Throttled,
	"UNAVAILABLE":        providers.Temporary,
	"INTERNAL":           providers.Temporary,
	"UNSPECIFIED_ERROR":  providers.Temporary,
	// What Google sends on to others with: an APNs or web push key that the
	// Firebase project lacks. Our access token is good, and so are the devices
	// that FCM reaches itself.
	"THIRD_PARTY_AUTH_ERROR": providers.Refused,
	"APNS_AUTH_ERROR":        providers.Refused, // its name before 2019
}

const invalidArgument = "INVALID_ARGUMENT"

// advice is what an admin can do about an answer; by its reason, and by its
// status when there is nothing for that.
var advice = map[string]string{
	"SENDER_ID_MISMATCH":     "the app registered with another Firebase project than that of 'service-account-file'",
	"THIRD_PARTY_AUTH_ERROR": "the device is reached through APNs or web push, for which the Firebase project lacks a valid key (Firebase console, project settings, Cloud Messaging)",
}

var statusAdvice = map[int]string{
	http.StatusUnauthorized: "Google does not take our access token: look at the service account, and at this machine's clock",
	http.StatusNotFound:     "Google does not know this project: look at 'project-id', which is the Firebase project's id and not its name or number, and at 'service-account-file'",
	http.StatusForbidden:    "the service account may not send for this project: look at 'project-id', give the account the role 'Firebase Cloud Messaging API Admin', and see that the Firebase Cloud Messaging API is enabled in the Google Cloud console",
}

// These pauses are kept when an answer names none (Google, "Throttling and quotas").
const (
	quotaPause   = time.Minute
	troublePause = 10 * time.Second
)

// answer is the body of an answer that is no 200, as far as it counts.
type answer struct {
	Error struct {
		Status  string `json:"status"`
		Message string `json:"message"`
		Details []struct {
			Type       string `json:"@type"`
			ErrorCode  string `json:"errorCode"`
			Reason     string `json:"reason"`
			Violations []struct {
				Field string `json:"field"`
			} `json:"fieldViolations"`
		} `json:"details"`
	} `json:"error"`
}

// code is FCM's own word, which speaks of the device; empty: there is none, and
// the answer is about our request. Words of google.rpc.Code are not among FCM's.
func (a *answer) code() string {
	for _, d := range a.Error.Details {
		if strings.HasSuffix(d.Type, "FcmError") {
			return d.ErrorCode
		}
	}
	if _, known := kinds[a.Error.Status]; known && a.Error.Status != invalidArgument {
		return a.Error.Status
	}
	return ""
}

// violations says which fields are wrong: the token, another one, or both.
func (a *answer) violations() (token, other bool) {
	for _, d := range a.Error.Details {
		for _, v := range d.Violations {
			if v.Field == "message.token" {
				token = true
			} else {
				other = true
			}
		}
	}
	return token, other
}

// limited reports whether the project's quota is used up, not the device's: that
// answer comes from Google's front, not from FCM.
func (a *answer) limited() bool {
	for _, d := range a.Error.Details {
		if d.Reason == "RATE_LIMIT_EXCEEDED" {
			return true
		}
	}
	return false
}

// classify makes the error of an answer that is no 200. Limited means that it is
// about the whole project, not about this device.
func classify(x *exchange) (e *providers.Error, limited bool) {
	e = &providers.Error{Status: x.status, RetryAfter: x.retryAfter}
	if x.status == http.StatusOK {
		// Nothing says that FCM has seen the message: it is sent again.
		e.Kind, e.Reason = providers.Temporary, "no answer of FCM"
		e.Err = errors.New("the answer 200 holds no JSON: another server answers in FCM's place, such as a proxy or the network's login page: look at 'endpoint' and 'proxy'")
		return e, false
	}
	var a answer
	if err := json.Unmarshal(x.body, &a); err != nil {
		a = answer{}
		if x.status == http.StatusNotFound && strings.Contains(x.contentType, "html") {
			e.Kind, e.Reason = providers.Unauthorized, "dead endpoint"
			e.Err = errors.New("no FCM answers at this address (any more): look at 'endpoint' and 'project-id'")
			return e, false
		}
	}
	e.Reason = a.code()
	kind, known := kinds[e.Reason]
	token, other := a.violations()
	switch {
	case e.Reason == invalidArgument && other:
		kind = providers.Refused
	case e.Reason == "" && a.Error.Status == invalidArgument && token && !other:
		kind = providers.Doubtful
	case e.Reason == "" && x.status == http.StatusNotFound && a.Error.Status == "NOT_FOUND":
		kind = providers.Unauthorized // no device is meant, but the project
	case !known:
		kind = byStatus(x.status)
	}
	e.Kind = kind
	if e.Reason == "" {
		e.Reason = a.Error.Status
	}
	if e.RetryAfter == 0 {
		e.RetryAfter = pause(e)
	}
	e.Err = explain(e, strings.ReplaceAll(a.Error.Message, x.device, "(token)"))
	return e, a.limited()
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
func pause(e *providers.Error) time.Duration {
	switch {
	case e.Kind == providers.Throttled:
		return quotaPause
	case e.Status >= 500:
		return troublePause
	}
	return 0
}

// maxWords bounds what an error repeats of Google's, in bytes.
const maxWords = 300

// explain says what an admin can do, if it is for them, with Google's own words:
// they name the project, the API that is not enabled, the field that is wrong.
func explain(e *providers.Error, words string) error {
	text := advice[e.Reason]
	if text == "" && e.Kind == providers.Unauthorized {
		text = statusAdvice[e.Status]
	}
	if words != "" && (e.Kind == providers.Unauthorized || e.Kind == providers.Refused) {
		text += "; Google says: " + strings.ToValidUTF8(words[:min(len(words), maxWords)], "")
	}
	if text == "" {
		return nil
	}
	return errors.New(strings.TrimPrefix(text, "; "))
}
