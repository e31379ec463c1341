package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tpush/tpush/component/push"
	"go.uber.org/goleak"
	"mellium.im/xmpp/jid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// shelf is a push component with one device.
type shelf struct{ asked []string }

func (s *shelf) Revoke(_ context.Context, service string, account jid.JID, r push.Registration) (bool, error) {
	asked := fmt.Sprintf("%s %s %s %s", service, account, r.Provider, r.Token)
	s.asked = append(s.asked, asked)
	if r.Token == "broken" {
		return false, errors.New("the store is away")
	}
	return asked == "push.example.com ala@example.com apns 0A1B", nil
}

func rest(cfg RESTConfig) (*REST, *shelf) {
	s := new(shelf)
	if cfg.ContextPath == "" {
		cfg.ContextPath = "/rest"
	}
	if cfg.UnknownDevice == "" {
		cfg.UnknownDevice = "failure"
	}
	return NewREST(cfg, func(service string) (Unregisterer, bool) { return s, service == "push.example.com" }, discard()), s
}

const goodBody = `{"account":"ala@example.com","provider":"apns","device-token":"0A1B"}`

func TestREST(t *testing.T) {
	const path = "/rest/push/unregister-device/push.example.com"
	for name, tc := range map[string]struct {
		method, path, body string // POST, path, goodBody
		host               string
		cfg                RESTConfig
		status             int // 200 when there is a result
		result             string
	}{
		"guide":                       {result: "success"},
		"Siskin's first":              {path: "/unregister-device/push.example.com", result: "success"},
		"other context path":          {path: "/api/push/unregister-device/push.example.com", cfg: RESTConfig{ContextPath: "api/"}, result: "success"},
		"no context path":             {path: "/push/unregister-device/push.example.com", cfg: RESTConfig{ContextPath: "/"}, result: "success"},
		"component in capitals":       {path: "/rest/push/unregister-device/PUSH.example.com", result: "success"},
		"component escaped":           {path: "/rest/push/unregister-device/push%2Eexample.com", result: "success"},
		"query":                       {path: path + "?type=application/json", result: "success"},
		"full JID and capitals":       {body: `{"account":"Ala@Example.com/phone","provider":"apns","device-token":"0A1B"}`, result: "success"},
		"more fields":                 {body: `{"account":"ala@example.com","provider":"apns","device-token":"0A1B","x":{"y":[1]}}`, result: "success"},
		"unknown device":              {body: `{"account":"ala@example.com","provider":"apns","device-token":"FF"}`, result: "failure"},
		"unknown device, by setting":  {body: `{"account":"ala@example.com","provider":"apns","device-token":"FF"}`, cfg: RESTConfig{UnknownDevice: "success"}, result: "success"},
		"unknown provider":            {body: `{"account":"ala@example.com","provider":"none","device-token":"0A1B"}`, result: "failure"},
		"unknown account":             {body: `{"account":"ola@example.com","provider":"apns","device-token":"0A1B"}`, result: "failure"},
		"store away":                  {body: `{"account":"ala@example.com","provider":"apns","device-token":"broken"}`, status: 500},
		"another component":           {path: "/rest/push/unregister-device/muc.example.com", status: 404},
		"component with local part":   {path: "/rest/push/unregister-device/x@push.example.com", status: 404},
		"component with resource":     {path: "/rest/push/unregister-device/push.example.com/x", status: 404},
		"escaped resource":            {path: "/rest/push/unregister-device/push.example.com%2Fx", status: 404},
		"no component":                {path: "/rest/push/unregister-device/", status: 404},
		"no component, no slash":      {path: "/rest/push/unregister-device", status: 404},
		"slash behind":                {path: path + "/", status: 404},
		"dots":                        {path: "/rest/push/x/../unregister-device/push.example.com", status: 404},
		"escaped dots":                {path: "/rest/push/unregister-device/%2e%2e/push.example.com", status: 404},
		"two slashes":                 {path: "/rest//push/unregister-device/push.example.com", status: 404},
		"NUL":                         {path: path + "%00", status: 404},
		"index":                       {path: "/rest/", status: 404},
		"root":                        {path: "/", status: 404},
		"GET":                         {method: "GET", status: 404},
		"OPTIONS":                     {method: "OPTIONS", status: 404},
		"PUT":                         {method: "PUT", status: 404},
		"no body":                     {body: " ", status: 404},
		"no JSON":                     {body: `account=ala@example.com`, status: 404},
		"half":                        {body: goodBody[:20], status: 404},
		"two objects":                 {body: goodBody + goodBody, status: 404},
		"list":                        {body: `[` + goodBody + `]`, status: 404},
		"null":                        {body: `null`, status: 404},
		"no account":                  {body: `{"provider":"apns","device-token":"0A1B"}`, status: 404},
		"no provider":                 {body: `{"account":"ala@example.com","device-token":"0A1B"}`, status: 404},
		"no token":                    {body: `{"account":"ala@example.com","provider":"apns"}`, status: 404},
		"empty token":                 {body: `{"account":"ala@example.com","provider":"apns","device-token":""}`, status: 404},
		"null token":                  {body: `{"account":"ala@example.com","provider":"apns","device-token":null}`, status: 404},
		"number as token":             {body: `{"account":"ala@example.com","provider":"apns","device-token":17}`, status: 404},
		"field in capitals":           {body: `{"Account":"ala@example.com","provider":"apns","device-token":"0A1B"}`, status: 404},
		"account is a domain":         {body: `{"account":"example.com","provider":"apns","device-token":"0A1B"}`, status: 404},
		"account is no JID":           {body: `{"account":"@","provider":"apns","device-token":"0A1B"}`, status: 404},
		"no UTF-8":                    {body: "{\"account\":\"\xff@example.com\",\"provider\":\"apns\",\"device-token\":\"0A1B\"}", status: 404},
		"XML":                         {body: `<unregister><account>ala@example.com</account></unregister>`, status: 404},
		"too large":                   {body: strings.Repeat(" ", maxBody) + goodBody, status: 404},
		"JSON bomb":                   {body: strings.Repeat("[", maxBody), status: 404},
		"bomb in a field":             {body: `{"account":` + strings.Repeat(`{"a":`, 2000), status: 404},
		"host that is served":         {host: "push.example.com:8443", cfg: RESTConfig{Hosts: []string{"push.example.com"}}, result: "success"},
		"host that is not served":     {host: "example.org", cfg: RESTConfig{Hosts: []string{"push.example.com"}}, status: 404},
		"host without a port, served": {host: "PUSH.example.com", cfg: RESTConfig{Hosts: []string{"push.example.com"}}, result: "success"},
	} {
		t.Run(name, func(t *testing.T) {
			h, devices := rest(tc.cfg)
			r := httptest.NewRequest(firstOf(tc.method, "POST"), "http://x"+firstOf(tc.path, path), strings.NewReader(firstOf(tc.body, goodBody)))
			r.Host = firstOf(tc.host, r.Host)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if tc.result != "" {
				if want := `{"result":"` + tc.result + `"}`; w.Code != 200 || w.Body.String() != want || w.Header().Get("Content-Type") != "application/json" {
					t.Errorf("%d %s %s, want %s", w.Code, w.Header().Get("Content-Type"), w.Body, want)
				}
				return
			}
			if w.Code != tc.status || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") || strings.Contains(w.Body.String(), "{") {
				t.Errorf("%d %s %s, want %d", w.Code, w.Header().Get("Content-Type"), w.Body, tc.status)
			}
			if tc.status == 404 && len(devices.asked) > 0 {
				t.Errorf("the component was asked: %s", devices.asked)
			}
		})
	}
}

func TestRESTLimits(t *testing.T) {
	proxies, err := ParseProxies([]string{"192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	h, _ := rest(RESTConfig{PerMinute: 3, PerAccount: 2, Proxies: proxies})
	ask := func(from, account string) int {
		r := httptest.NewRequest("POST", "/unregister-device/push.example.com", strings.NewReader(strings.Replace(goodBody, "ala", account, 1)))
		r.RemoteAddr = "192.0.2.1:4711"
		r.Header.Set("X-Forwarded-For", from)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code == 429 && w.Header().Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
		return w.Code
	}
	for i, want := range []int{200, 200, 200, 429, 429} {
		if got := ask("198.51.100.7", fmt.Sprint("user", i)); got != want {
			t.Errorf("request %d of an address: %d, want %d", i, got, want)
		}
	}
	for i, want := range []int{200, 200, 429} {
		if got := ask(fmt.Sprint("198.51.100.", 10+i), "ola"); got != want {
			t.Errorf("request %d for an account: %d, want %d", i, got, want)
		}
	}
	for i, want := range []int{200, 200, 200, 429} { // one IPv6 user has a whole network
		if got := ask(fmt.Sprintf("2001:db8::%x", i), fmt.Sprint("six", i)); got != want {
			t.Errorf("request %d of a network: %d, want %d", i, got, want)
		}
	}
}

// FuzzBody gives any bytes to the parser: what it takes has three texts and the
// bare address of a user.
func FuzzBody(f *testing.F) {
	f.Add([]byte(goodBody))
	f.Add([]byte(`{"account":"ala@example.com/x","provider":"\u0000","device-token":"\ud800"}`))
	f.Add([]byte(`{"account":{"a":[[[1e999]]]}}`))
	f.Add([]byte("null"))
	f.Add([]byte("{\"account\":\"a@b\",\"account\":\"c@d\",\"provider\":\"p\",\"device-token\":\"t\"} "))
	f.Fuzz(func(t *testing.T, body []byte) {
		u, err := parseUnregistration(body)
		if err != nil {
			return
		}
		if u.account.Localpart() == "" || u.account.Resourcepart() != "" || u.device.Provider == "" || u.device.Token == "" {
			t.Errorf("%q gave %+v", body, u)
		}
		if again, err := jid.Parse(u.account.String()); err != nil || !again.Equal(u.account) {
			t.Errorf("%q gave an account that is no address: %q", body, u.account)
		}
	})
}

func readAll(t *testing.T, r *http.Response) string {
	t.Helper()
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
