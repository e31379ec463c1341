package fcmtest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/oauth2/google"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func simulator(t *testing.T) *Server {
	t.Helper()
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	return s
}

// access fetches an access token as Google's own library does.
func access(t *testing.T, s *Server, scopes ...string) (string, error) {
	t.Helper()
	account, err := s.ServiceAccount()
	if err != nil {
		t.Fatal(err)
	}
	config, err := google.JWTConfigFromJSON(account, scopes...)
	if err != nil {
		t.Fatal(err)
	}
	token, err := config.TokenSource(t.Context()).Token()
	if err != nil {
		return "", err
	}
	return token.AccessToken, nil
}

func send(t *testing.T, s *Server, access, project, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Endpoint()+"/projects/"+project+"/messages:send", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+access)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestMessagesAreChecked(t *testing.T) {
	s := simulator(t)
	good, err := access(t, s, scope)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		token, project, body string
		status               int
		says                 string
	}{
		"good":            {good, Project, `{"message":{"token":"t","data":{"a":"1"},"android":{"priority":"HIGH","ttl":"30s","collapse_key":"c"}}}`, 200, "messages/"},
		"dry run":         {good, Project, `{"validate_only":true,"message":{"token":"t"}}`, 200, "messages/"},
		"no access token": {"", Project, `{"message":{"token":"t"}}`, 401, "UNAUTHENTICATED"},
		"made-up token":   {"ya29.x", Project, `{"message":{"token":"t"}}`, 401, "OAuth 2 access token"},
		"other project":   {good, "other", `{"message":{"token":"t"}}`, 403, "PERMISSION_DENIED"},
		"no target":       {good, Project, `{"message":{"data":{}}}`, 400, "Exactly one"},
		"two targets":     {good, Project, `{"message":{"token":"t","topic":"x"}}`, 400, "Exactly one"},
		"number":          {good, Project, `{"message":{"token":"t","data":{"a":1}}}`, 400, "Invalid JSON payload"},
		"unknown field":   {good, Project, `{"message":{"token":"t","priority":"HIGH"}}`, 400, "Invalid JSON payload"},
		"unknown android": {good, Project, `{"message":{"token":"t","android":{"prio":"HIGH"}}}`, 400, "message.android.prio"},
		"bad ttl":         {good, Project, `{"message":{"token":"t","android":{"ttl":"1h"}}}`, 400, "message.android.ttl"},
		"long ttl":        {good, Project, `{"message":{"token":"t","android":{"ttl":"2419201s"}}}`, 400, "message.android.ttl"},
		"bad priority":    {good, Project, `{"message":{"token":"t","android":{"priority":"10"}}}`, 400, "message.android.priority"},
		"too big":         {good, Project, `{"message":{"token":"t","data":{"a":"` + strings.Repeat("x", 4096) + `"}}}`, 400, "too big"},
		"no JSON":         {good, Project, `hello`, 400, "INVALID_ARGUMENT"},
	} {
		if status, text := send(t, s, tc.token, tc.project, tc.body); status != tc.status || !strings.Contains(text, tc.says) {
			t.Errorf("%s: %d %s, want %d and %q", name, status, text, tc.status, tc.says)
		}
	}
}

func TestAssertionsAreChecked(t *testing.T) {
	s, other := simulator(t), simulator(t)
	if _, err := access(t, s, "https://www.googleapis.com/auth/cloud-platform.read-only"); err == nil || !strings.Contains(err.Error(), "scope") {
		t.Errorf("another scope: %v", err)
	}
	// The account of one simulator at the other: wrong key.
	account, err := other.ServiceAccount()
	if err != nil {
		t.Fatal(err)
	}
	config, err := google.JWTConfigFromJSON(bytes.ReplaceAll(account, []byte(other.tokenURI()), []byte(s.tokenURI())), scope)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.TokenSource(t.Context()).Token(); err == nil || !strings.Contains(err.Error(), "signature") {
		t.Errorf("another key: %v", err)
	}
	config.Audience, config.PrivateKey = "https://oauth2.googleapis.com/token", mustKey(t, s)
	if _, err := config.TokenSource(t.Context()).Token(); err == nil || !strings.Contains(err.Error(), "aud is") {
		t.Errorf("another audience: %v", err)
	}
	config.Audience, config.Email = "", "other@demo-project.iam.gserviceaccount.com"
	if _, err := config.TokenSource(t.Context()).Token(); err == nil || !strings.Contains(err.Error(), "iss is") {
		t.Errorf("another account: %v", err)
	}
	config.Email, config.Expires = email, 3*time.Hour
	if _, err := config.TokenSource(t.Context()).Token(); err == nil || !strings.Contains(err.Error(), "exp") {
		t.Errorf("three hours: %v", err)
	}
	resp, err := http.PostForm(s.tokenURI(), url.Values{"grant_type": {"password"}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("another grant: %d", resp.StatusCode)
	}
}

func mustKey(t *testing.T, s *Server) []byte {
	t.Helper()
	account, err := s.ServiceAccount()
	if err != nil {
		t.Fatal(err)
	}
	var key struct {
		PEM string `json:"private_key"`
	}
	if err := json.Unmarshal(account, &key); err != nil {
		t.Fatal(err)
	}
	return []byte(key.PEM)
}

func TestTokensEnd(t *testing.T) {
	s := simulator(t)
	s.TokenLife(-time.Second)
	old, err := access(t, s, scope)
	if err != nil {
		t.Fatal(err)
	}
	s.TokenLife(time.Hour)
	fresh, err := access(t, s, scope)
	if err != nil {
		t.Fatal(err)
	}
	body := `{"message":{"token":"t"}}`
	if status, _ := send(t, s, old, Project, body); status != http.StatusUnauthorized {
		t.Errorf("a token after its end: %d", status)
	}
	if status, _ := send(t, s, fresh, Project, body); status != http.StatusOK {
		t.Errorf("a new token: %d", status)
	}
}

func TestScriptAndNext(t *testing.T) {
	s := simulator(t)
	good, err := access(t, s, scope)
	if err != nil {
		t.Fatal(err)
	}
	s.Script("t", Answer{Status: 404, Code: "UNREGISTERED", Times: 1})
	for _, want := range []int{404, 200} {
		if status, text := send(t, s, good, Project, `{"message":{"token":"t"}}`); status != want {
			t.Errorf("answer %d %s, want %d", status, text, want)
		}
		if m, err := s.Next(t.Context()); err != nil || m.Status != want || m.Header.Get("Authorization") != "" {
			t.Errorf("next message: %+v, error %v", m, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if m, err := s.Next(ctx); err == nil {
		t.Errorf("a message nobody sent: %+v", m)
	}
}
