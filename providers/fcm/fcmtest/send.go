package fcmtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"time"
)

// maxData is the size of a message's data in bytes (Google, "About FCM
// messages").
const maxData = 4096

// send takes one message (projects.messages.send of the REST reference).
func (s *Server) send(w http.ResponseWriter, r *http.Request) {
	m := Message{Path: r.URL.Path, Proto: r.Proto, Header: r.Header.Clone(), Status: http.StatusOK}
	m.Header.Del("Authorization")
	a := s.check(r, &m)
	if a == nil {
		a = s.scripted(m.Token)
	}
	if a == nil {
		a = &Answer{}
	}
	if !a.wait(r) {
		return
	}
	if a.Status != 0 {
		m.Status = a.Status
	}
	if a.Drop {
		m.Status = 0
		s.record(m)
		panic(http.ErrAbortHandler)
	}
	s.record(m)
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	if m.Status == http.StatusOK && a.Body == "" {
		reply(w, map[string]string{"name": "projects/" + Project + "/messages/0:1"})
		return
	}
	a.refuse(w)
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
	return m.read()
}

// target is where a message goes; exactly one of its fields is to be set.
type target struct {
	Token     string `json:"token"`
	Topic     string `json:"topic"`
	Condition string `json:"condition"`
	FID       string `json:"fid"`
}

// read takes the message apart. Fields that this component never sends count as
// unknown.
func (m *Message) read() *Answer {
	var in struct {
		ValidateOnly bool `json:"validate_only"`
		Message      struct {
			target
			Data    map[string]string `json:"data"`
			Android map[string]any    `json:"android"`
		} `json:"message"`
	}
	d := json.NewDecoder(bytes.NewReader(m.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return &Answer{Status: http.StatusBadRequest, Field: "message", Description: "Invalid JSON payload received. " + err.Error()}
	}
	m.DryRun, m.Token, m.Data, m.Android = in.ValidateOnly, in.Message.Token, in.Message.Data, in.Message.Android
	if in.Message.target != (target{Token: m.Token}) || m.Token == "" {
		return &Answer{Status: http.StatusBadRequest, Code: "INVALID_ARGUMENT", Field: "message",
			Description: "Exactly one of token, topic, condition or fid must be set"}
	}
	if field := wrongAndroid(m.Android); field != "" {
		return &Answer{Status: http.StatusBadRequest, Field: "message.android." + field}
	}
	size := 0
	for k, v := range m.Data {
		size += len(k) + len(v)
	}
	if size > maxData {
		return &Answer{Status: http.StatusBadRequest, Code: "INVALID_ARGUMENT", Field: "message", Description: "Android message is too big"}
	}
	return nil
}

// duration is protobuf's JSON form of one; priority that of AndroidMessagePriority,
// in the case that Google's own libraries use too.
var (
	duration = regexp.MustCompile(`^[0-9]+(\.[0-9]{1,9})?s$`)
	priority = regexp.MustCompile(`^(?i:high|normal)$`)
)

// wrongAndroid names a field of AndroidConfig that is unknown or wrong.
func wrongAndroid(config map[string]any) string {
	for key, value := range config {
		text, _ := value.(string)
		good := false
		switch key {
		case "collapse_key":
			good = text != ""
		case "priority":
			good = priority.MatchString(text)
		case "ttl":
			life, err := time.ParseDuration(text)
			good = duration.MatchString(text) && err == nil && life <= 28*24*time.Hour
		}
		if !good {
			return key
		}
	}
	return ""
}
