package apnstest

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// pushTypes are the types that Apple knows.
var pushTypes = []string{"alert", "background", "voip", "complication", "fileprovider", "mdm", "location", "liveactivity", "pushtotalk", "widgets", "controls"}

// check returns what Apple would refuse a request with, nil when it is good.
func (s *Server) check(r *http.Request, p *Push) *Answer {
	leaf, bad := s.checkSender(r)
	if bad != nil {
		return bad
	}
	if r.Method != http.MethodPost {
		return &Answer{Status: 405, Reason: "MethodNotAllowed"}
	}
	token, ok := strings.CutPrefix(r.URL.Path, "/3/device/")
	if !ok {
		return &Answer{Status: 404, Reason: "BadPath"}
	}
	p.Token = token
	if token == "" {
		return &Answer{Status: 400, Reason: "MissingDeviceToken"}
	}
	if _, err := hex.DecodeString(token); err != nil || len(token) < 64 {
		return &Answer{Status: 400, Reason: "BadDeviceToken"}
	}
	var err error
	if p.Payload, err = io.ReadAll(io.LimitReader(r.Body, 10<<10)); err != nil {
		return &Answer{Status: 400, Reason: "PayloadEmpty"}
	}
	for _, bad := range []*Answer{checkTopic(leaf, r.Header), checkHeaders(r.Header), checkPayload(r.Header, p.Payload)} {
		if bad != nil {
			return bad
		}
	}
	return nil
}

// checkSender checks who pushes: a certificate, which is returned, or a provider
// token.
func (s *Server) checkSender(r *http.Request) (*x509.Certificate, *Answer) {
	if len(r.TLS.PeerCertificates) == 0 {
		return nil, s.checkToken(r.Header)
	}
	leaf, err := s.verify(r.TLS)
	switch {
	case err != nil:
		return nil, &Answer{Status: 403, Reason: "BadCertificate"}
	case !serves(leaf, s.sandbox):
		return nil, &Answer{Status: 403, Reason: "BadCertificateEnvironment"}
	}
	return leaf, nil
}

// serves reports whether a certificate is for an environment. One that says
// nothing about it is for both.
func serves(leaf *x509.Certificate, sandbox bool) bool {
	development, production := false, false
	for _, ext := range leaf.Extensions {
		development = development || ext.Id.Equal(oidDevelopment)
		production = production || ext.Id.Equal(oidProduction)
	}
	if !development && !production {
		return true
	}
	return sandbox && development || !sandbox && production
}

// checkTopic checks the topic against the certificate's.
func checkTopic(leaf *x509.Certificate, h http.Header) *Answer {
	topic := h.Get("apns-topic")
	topics := []string{topic} // a token's are checked with it
	if leaf != nil {
		topics = topicsOf(leaf)
	}
	voip := h.Get("apns-push-type") == "voip"
	switch {
	case topic == "" && len(topics) > 1:
		return &Answer{Status: 400, Reason: "MissingTopic"}
	case topic == "":
		return nil
	case !slices.Contains(topics, topic):
		return &Answer{Status: 400, Reason: "TopicDisallowed"}
	case voip != strings.HasSuffix(topic, ".voip"):
		return &Answer{Status: 400, Reason: "BadTopic"}
	}
	return nil
}

func checkHeaders(h http.Header) *Answer {
	for name, reason := range map[string]string{
		"apns-push-type": checkType(h.Get("apns-push-type")), "apns-id": checkID(h.Get("apns-id")),
		"apns-priority": checkPriority(h.Get("apns-priority"), h.Get("apns-push-type")), "apns-expiration": checkExpiration(h.Get("apns-expiration")),
	} {
		if reason != "" {
			return &Answer{Status: 400, Reason: reason}
		}
		if len(h.Values(name)) > 1 {
			return &Answer{Status: 400, Reason: "DuplicateHeaders"}
		}
	}
	if len(h.Get("apns-collapse-id")) > 64 {
		return &Answer{Status: 400, Reason: "BadCollapseId"}
	}
	return nil
}

func checkType(v string) string {
	if !slices.Contains(pushTypes, v) {
		return "InvalidPushType"
	}
	return ""
}

func checkID(v string) string {
	if v != "" && !uuid.MatchString(v) {
		return "BadMessageId"
	}
	return ""
}

func checkPriority(v, pushType string) string {
	switch {
	case v != "" && v != "10" && v != "5" && v != "1":
		return "BadPriority"
	case pushType == "background" && v != "5":
		return "BadPriority"
	}
	return ""
}

// checkExpiration takes 0 and times that are about now or to come; Apple would
// take any number, but a date in 1970 is always a mistake.
func checkExpiration(v string) string {
	if v == "" || v == "0" {
		return ""
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if t := time.Unix(n, 0); err != nil || t.Before(time.Now().Add(-time.Hour)) || t.After(time.Now().AddDate(0, 0, 31)) {
		return "BadExpirationDate"
	}
	return ""
}

func checkPayload(h http.Header, payload []byte) *Answer {
	limit := 4096
	if h.Get("apns-push-type") == "voip" {
		limit = 5120
	}
	switch {
	case len(payload) == 0:
		return &Answer{Status: 400, Reason: "PayloadEmpty"}
	case len(payload) > limit:
		return &Answer{Status: 413, Reason: "PayloadTooLarge"}
	}
	var body struct {
		Aps *struct {
			Alert     any `json:"alert"`
			Available int `json:"content-available"`
		} `json:"aps"`
	}
	if err := json.Unmarshal(payload, &body); err != nil || body.Aps == nil {
		return &Answer{Status: 400, Reason: "PayloadEmpty"}
	}
	background := h.Get("apns-push-type") == "background"
	if background && (body.Aps.Alert != nil || body.Aps.Available != 1) || h.Get("apns-push-type") == "alert" && body.Aps.Alert == nil {
		return &Answer{Status: 400, Reason: "InvalidPushType"}
	}
	return nil
}
