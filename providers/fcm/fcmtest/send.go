package fcmtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"time"
)

const fcmError = "type.googleapis.com/google.firebase.fcm.v1.FcmError"

// send takes one message (projects.messages.send of the REST reference).
func (s *Server) send(w http.ResponseWriter, r *http.Request) {
	m := Message{Path: r.URL.Path, Header: r.Header.Clone(), Status: http.StatusOK}
	m.Header.Del("Authorization")
	a := s.check(r, &m)
	if a == nil {
		a = s.scripted(m.Token)
	}
	if a != nil && a.Delay > 0 {
		select {
		case <-time.After(a.Delay):
		case <-r.Context().Done():
			return
		}
	}
	if a != nil && a.Status != 0 {
		m.Status = a.Status
	}
	if a != nil && a.Drop {
		m.Status = 0
		s.record(m)
		panic(http.ErrAbortHandler)
	}
	s.record(m)
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	if m.Status == http.StatusOK {
		reply(w, map[string]string{"name": "projects/" + Project + "/messages/0:1"})
		return
	}
	refuse(w, a)
}

func refuse(w http.ResponseWriter, a *Answer) {
	if a.RetryAfter != "" {
		w.Header().Set("Retry-After", a.RetryAfter)
	}
	if a.Body != "" {
		w.Header().Set("Content-Type", a.ContentType)
		w.WriteHeader(a.Status)
		// A client that has gone gets none.
		_, _ = io.WriteString(w, a.Body)
		return
	}
	var details []any
	if a.Code != "" {
		details = append(details, map[string]string{"@type": fcmError, "errorCode": a.Code})
	}
	if a.Field != "" {
		details = append(details, map[string]any{"@type": "type.googleapis.com/google.rpc.BadRequest",
			"fieldViolations": []any{map[string]string{"field": a.Field, "description": "Invalid value"}}})
	}
	status := map[int]string{400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
		429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}[a.Status]
	w.WriteHeader(a.Status)
	reply(w, map[string]any{"error": map[string]any{"code": a.Status, "message": "simulated", "status": status, "details": details}})
}

// check returns what Google would refuse a message with, nil when it is good.
func (s *Server) check(r *http.Request, m *Message) *Answer {
	if !s.authorized(r) {
		return &Answer{Status: http.StatusUnauthorized}
	}
	if r.PathValue("project") != Project {
		return &Answer{Status: http.StatusForbidden}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil {
		return &Answer{Status: http.StatusBadRequest}
	}
	m.Body = body
	var in struct {
		ValidateOnly bool `json:"validate_only"`
		Message      struct {
			Token        string            `json:"token"`
			Topic        string            `json:"topic"`
			Condition    string            `json:"condition"`
			Data         map[string]string `json:"data"`
			Notification any               `json:"notification"`
			Android      map[string]any    `json:"android"`
			FcmOptions   any               `json:"fcm_options"`
		} `json:"message"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return &Answer{Status: http.StatusBadRequest, Field: "message"}
	}
	m.DryRun, m.Token, m.Data, m.Android = in.ValidateOnly, in.Message.Token, in.Message.Data, in.Message.Android
	if m.Token == "" || in.Message.Topic != "" || in.Message.Condition != "" {
		return &Answer{Status: http.StatusBadRequest, Code: "INVALID_ARGUMENT", Field: "message.token"}
	}
	for key := range m.Android {
		if !slices.Contains([]string{"collapse_key", "priority", "ttl", "restricted_package_name", "data", "notification", "direct_boot_ok"}, key) {
			return &Answer{Status: http.StatusBadRequest, Field: "message.android"}
		}
	}
	size := 0
	for k, v := range m.Data {
		size += len(k) + len(v)
	}
	if size > 4096 {
		return &Answer{Status: http.StatusBadRequest, Code: "INVALID_ARGUMENT", Field: "message.data"}
	}
	return nil
}
