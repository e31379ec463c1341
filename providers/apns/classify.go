package apns

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/tpush/tpush/providers"
)

// reasonBadToken is the one reason that asks for the other environment, and the
// word for a token that no request is made with.
const reasonBadToken = "BadDeviceToken"

// Reasons that speak of a provider token.
const (
	reasonTokenExpired = "ExpiredProviderToken"
	reasonTokenInvalid = "InvalidProviderToken"
	reasonTokenTooNew  = "TooManyProviderTokenUpdates"
)

// kinds is what each of Apple's reasons means ("Handling notification responses
// from APNs").
var kinds = map[string]providers.Kind{
	"Unregistered": providers.Gone,
	"ExpiredToken": providers.Gone,

	reasonBadToken:           providers.Doubtful,
	"DeviceTokenNotForTopic": providers.Doubtful,

	"TooManyRequests": providers.Throttled,

	"InternalServerError": providers.Temporary,
	"ServiceUnavailable":  providers.Temporary,
	"Shutdown":            providers.Temporary,
	"IdleTimeout":         providers.Temporary,

	"BadCertificate":             providers.Unauthorized,
	"BadCertificateEnvironment":  providers.Unauthorized,
	"Forbidden":                  providers.Unauthorized,
	reasonTokenExpired:           providers.Unauthorized,
	reasonTokenInvalid:           providers.Unauthorized,
	"MissingProviderToken":       providers.Unauthorized,
	"UnrelatedKeyIdInToken":      providers.Unauthorized,
	"BadEnvironmentKeyIdInToken": providers.Unauthorized,
	reasonTokenTooNew:            providers.Unauthorized,
	"TopicDisallowed":            providers.Unauthorized,
	"MissingTopic":               providers.Unauthorized,
	"BadTopic":                   providers.Unauthorized,

	"PayloadEmpty":       providers.Refused,
	"PayloadTooLarge":    providers.Refused,
	"BadCollapseId":      providers.Refused,
	"BadExpirationDate":  providers.Refused,
	"BadMessageId":       providers.Refused,
	"BadPriority":        providers.Refused,
	"InvalidPushType":    providers.Refused,
	"DuplicateHeaders":   providers.Refused,
	"MissingDeviceToken": providers.Refused,
	"BadPath":            providers.Refused,
	"MethodNotAllowed":   providers.Refused,
}

// Reasons lists Apple's words for why a push was not accepted.
func Reasons() []string { return slices.Sorted(maps.Keys(kinds)) }

// classify makes the error of an answer that is no 200. A reason that is not in
// the table is judged by its status.
func classify(status int, reason string, since time.Time, retryAfter time.Duration) *providers.Error {
	kind, ok := kinds[reason]
	if !ok {
		kind = byStatus(status, reason)
	}
	e := &providers.Error{Kind: kind, Status: status, Reason: reason, RetryAfter: retryAfter}
	if kind == providers.Gone {
		e.GoneSince = since
	}
	return e
}

func byStatus(status int, reason string) providers.Kind {
	switch {
	case status == http.StatusGone && reason != "": // without, a proxy may have said so
		return providers.Gone
	case status == http.StatusTooManyRequests:
		return providers.Throttled
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return providers.Unauthorized
	case status >= 400 && status < 500:
		return providers.Refused
	}
	return providers.Temporary
}
