package fcmtest

import (
	"io"
	"net/http"
	"time"
)

const (
	fcmError   = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
	badRequest = "type.googleapis.com/google.rpc.BadRequest"
	errorInfo  = "type.googleapis.com/google.rpc.ErrorInfo"
)

// sentence is what Google says beside an error code, or a status without one.
func sentence(status int, code string) string {
	switch code {
	case "UNREGISTERED":
		return "Requested entity was not found."
	case "INVALID_ARGUMENT":
		return "The registration token is not a valid FCM registration token"
	case "SENDER_ID_MISMATCH":
		return "SenderId mismatch"
	case "QUOTA_EXCEEDED":
		return "Quota exceeded for quota metric 'FCM Send Requests' and limit 'FCM Send Requests per minute'."
	case "THIRD_PARTY_AUTH_ERROR":
		return "Auth error from APNS or Web Push Service"
	}
	switch status {
	case http.StatusBadRequest:
		return "Invalid JSON payload received."
	case http.StatusUnauthorized:
		return "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential."
	case http.StatusForbidden:
		return "Permission 'cloudmessaging.messages.create' denied on resource (or it may not exist)."
	case http.StatusServiceUnavailable:
		return "The service is currently unavailable."
	}
	return "Internal error encountered."
}

// canonical is the name that Google's APIs give a status (google.rpc.Code).
func canonical(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "INVALID_ARGUMENT"
	case http.StatusUnauthorized:
		return "UNAUTHENTICATED"
	case http.StatusForbidden:
		return "PERMISSION_DENIED"
	case http.StatusNotFound:
		return "NOT_FOUND"
	case http.StatusTooManyRequests:
		return "RESOURCE_EXHAUSTED"
	case http.StatusServiceUnavailable:
		return "UNAVAILABLE"
	}
	return "INTERNAL"
}

// wait keeps the client waiting; false when it has gone.
func (a *Answer) wait(r *http.Request) bool {
	if a.Delay == 0 {
		return true
	}
	t := time.NewTimer(a.Delay)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// head writes the status line and the headers.
func (a *Answer) head(w http.ResponseWriter) {
	if a.RetryAfter != "" {
		w.Header().Set("Retry-After", a.RetryAfter)
	}
	if a.ContentType != "" {
		w.Header().Set("Content-Type", a.ContentType)
	}
	w.WriteHeader(a.Status)
}

// write writes the answer with its own body.
func (a *Answer) write(w http.ResponseWriter) {
	a.head(w)
	// A client that has gone gets none.
	_, _ = io.WriteString(w, a.Body)
}

// refuse writes the answer as FCM words it.
func (a *Answer) refuse(w http.ResponseWriter) {
	if a.Body != "" {
		a.write(w)
		return
	}
	var details []any
	if a.Code != "" {
		details = append(details, map[string]string{"@type": fcmError, "errorCode": a.Code})
	}
	var violations []any
	for _, field := range []string{a.Field, a.AlsoField} {
		if field != "" {
			violations = append(violations, map[string]string{"field": field, "description": "Invalid value"})
		}
	}
	if violations != nil {
		details = append(details, map[string]any{"@type": badRequest, "fieldViolations": violations})
	}
	if a.Limited {
		details = append(details, map[string]any{"@type": errorInfo, "reason": "RATE_LIMIT_EXCEEDED", "domain": "googleapis.com",
			"metadata": map[string]string{"service": "fcm.googleapis.com", "consumer": "projects/1"}})
	}
	description := a.Description
	if description == "" {
		description = sentence(a.Status, a.Code)
	}
	a.head(w)
	reply(w, map[string]any{"error": map[string]any{"code": a.Status, "message": description,
		"status": canonical(a.Status), "details": details}})
}
