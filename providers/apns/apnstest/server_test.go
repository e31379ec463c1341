package apnstest

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	topic = "com.example.app"
	token = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9"
)

func simulator(t *testing.T) *Server {
	t.Helper()
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// device is a client of the simulator with a certificate, or without.
func device(t *testing.T, s *Server, c *Certificate) *http.Client {
	t.Helper()
	config := &tls.Config{RootCAs: s.authority.pool()}
	if c != nil {
		cred, err := s.Issue(*c)
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{{Certificate: [][]byte{cred.cert.Raw}, PrivateKey: cred.key}}
	}
	var h2 http.Protocols
	h2.SetHTTP2(true)
	transport := &http.Transport{TLSClientConfig: config, Protocols: &h2}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// push is a request that Apple would take.
func push(t *testing.T, s *Server) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+s.Addr()+"/3/device/"+token, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"apns-topic": topic, "apns-push-type": "alert", "apns-priority": "10",
		"apns-expiration": "0", "apns-id": "5f0e3c8a-0a55-4b7d-9b55-1f7a0f1c2d3e", "apns-collapse-id": "x"} {
		r.Header.Set(name, value)
	}
	body(r, `{"aps":{"alert":"hi"}}`)
	return r
}

func body(r *http.Request, text string) {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
}

// send returns the status and Apple's word.
func send(t *testing.T, c *http.Client, r *http.Request) (int, string) {
	t.Helper()
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Reason string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return resp.StatusCode, answer.Reason
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func payload(text string) func(*http.Request) {
	return func(r *http.Request) { body(r, text) }
}

func all(changes ...func(*http.Request)) func(*http.Request) {
	return func(r *http.Request) {
		for _, f := range changes {
			f(r)
		}
	}
}

func TestChecks(t *testing.T) {
	s := simulator(t)
	client := device(t, s, &Certificate{UID: topic, Topics: []string{topic, topic + ".voip"}, Production: true})
	voip := all(header("apns-topic", topic+".voip"), header("apns-push-type", "voip"))
	background := all(header("apns-push-type", "background"), header("apns-priority", "5"), payload(`{"aps":{"content-available":1}}`))
	long := func(n int) func(*http.Request) {
		return payload(`{"aps":{"alert":"` + strings.Repeat("x", n-20) + `"}}`)
	}
	for name, tc := range map[string]struct {
		change func(*http.Request)
		status int
		reason string
	}{
		"good":                    {all(), 200, ""},
		"good call":               {voip, 200, ""},
		"good background":         {background, 200, ""},
		"largest":                 {long(4096), 200, ""},
		"largest call":            {all(voip, long(5120)), 200, ""},
		"too large":               {long(4097), 413, "PayloadTooLarge"},
		"too large call":          {all(voip, long(5121)), 413, "PayloadTooLarge"},
		"empty":                   {payload(""), 400, "PayloadEmpty"},
		"no JSON":                 {payload("hi"), 400, "PayloadEmpty"},
		"method":                  {func(r *http.Request) { r.Method = http.MethodPut }, 405, "MethodNotAllowed"},
		"path":                    {func(r *http.Request) { r.URL.Path = "/push" }, 404, "BadPath"},
		"no token":                {func(r *http.Request) { r.URL.Path = "/3/device/" }, 400, "MissingDeviceToken"},
		"short token":             {func(r *http.Request) { r.URL.Path = "/3/device/abcd" }, 400, "BadDeviceToken"},
		"token of other signs":    {func(r *http.Request) { r.URL.Path = "/3/device/" + strings.Repeat("xy", 32) }, 400, "BadDeviceToken"},
		"another app":             {header("apns-topic", "com.other"), 400, "TopicDisallowed"},
		"no topic":                {header("apns-topic", ""), 400, "MissingTopic"},
		"call to the app's topic": {header("apns-push-type", "voip"), 400, "BadTopic"},
		"message to calls' topic": {header("apns-topic", topic+".voip"), 400, "BadTopic"},
		"push type":               {header("apns-push-type", "odd"), 400, "InvalidPushType"},
		"alert without one":       {payload(`{"aps":{}}`), 400, "InvalidPushType"},
		"background with alert":   {all(background, payload(`{"aps":{"alert":"hi","content-available":1}}`)), 400, "InvalidPushType"},
		"background at once":      {all(background, header("apns-priority", "10")), 400, "BadPriority"},
		"priority":                {header("apns-priority", "7"), 400, "BadPriority"},
		"expires in 1970":         {header("apns-expiration", "2419200"), 400, "BadExpirationDate"},
		"expiration no number":    {header("apns-expiration", "soon"), 400, "BadExpirationDate"},
		"id":                      {header("apns-id", "1"), 400, "BadMessageId"},
		"collapse id":             {header("apns-collapse-id", strings.Repeat("x", 65)), 400, "BadCollapseId"},
		"two priorities":          {func(r *http.Request) { r.Header.Add("apns-priority", "10") }, 400, "DuplicateHeaders"},
	} {
		t.Run(name, func(t *testing.T) {
			r := push(t, s)
			tc.change(r)
			if status, reason := send(t, client, r); status != tc.status || reason != tc.reason {
				t.Errorf("%d %s, want %d %s", status, reason, tc.status, tc.reason)
			}
		})
	}
}

func TestCertificates(t *testing.T) {
	s, stranger := simulator(t), simulator(t)
	sandbox, err := s.Sandbox()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sandbox.Close)
	foreign := device(t, stranger, &Certificate{UID: topic})
	foreign.Transport.(*http.Transport).TLSClientConfig.RootCAs = s.authority.pool()
	for name, tc := range map[string]struct {
		client *http.Client
		to     *Server
		reason string
	}{
		"none":                     {device(t, s, nil), s, "MissingProviderToken"},
		"of another authority":     {foreign, s, "BadCertificate"},
		"expired":                  {device(t, s, &Certificate{UID: topic, Expires: time.Now().Add(-time.Minute)}), s, "BadCertificate"},
		"by subject":               {device(t, s, &Certificate{UID: topic}), s, ""},
		"of another app":           {device(t, s, &Certificate{UID: "com.other"}), s, "TopicDisallowed"},
		"for the sandbox":          {device(t, s, &Certificate{UID: topic, Development: true}), sandbox, ""},
		"for the sandbox only":     {device(t, s, &Certificate{UID: topic, Development: true}), s, "BadCertificateEnvironment"},
		"for production only":      {device(t, s, &Certificate{UID: topic, Production: true}), sandbox, "BadCertificateEnvironment"},
		"for either of the places": {device(t, s, &Certificate{UID: topic}), sandbox, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if _, reason := send(t, tc.client, push(t, tc.to)); reason != tc.reason {
				t.Errorf("reason %q, want %q", reason, tc.reason)
			}
		})
	}
}

func TestHTTP2IsDemanded(t *testing.T) {
	s := simulator(t)
	client := device(t, s, &Certificate{UID: topic})
	var h1 http.Protocols
	h1.SetHTTP1(true)
	client.Transport.(*http.Transport).Protocols = &h1
	if resp, err := client.Do(push(t, s)); err == nil {
		resp.Body.Close()
		t.Errorf("HTTP/1.1 is served: %s", resp.Status)
	}
	if len(s.Pushes()) > 0 {
		t.Error("a push arrived")
	}
}

func TestScriptAndNext(t *testing.T) {
	s := simulator(t)
	client := device(t, s, &Certificate{UID: topic})
	s.Script(token, Answer{Status: 503, Reason: "ServiceUnavailable", Times: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	arrived := make(chan Push)
	go func() {
		defer close(arrived)
		for range 2 {
			p, err := s.Next(ctx)
			if err != nil {
				return
			}
			arrived <- p
		}
	}()
	for _, want := range []int{503, 200} {
		if status, _ := send(t, client, push(t, s)); status != want {
			t.Errorf("status %d, want %d", status, want)
		}
		if p := <-arrived; p.Status != want || p.Token != token || string(p.Payload) != `{"aps":{"alert":"hi"}}` {
			t.Errorf("recorded %+v", p)
		}
	}
	<-arrived
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := s.Next(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a push that nobody made: %v", err)
	}
}
