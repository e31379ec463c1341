package http

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestGuard(t *testing.T) {
	o := newOffice(time.Now())
	open, closed := NewManagement(o.program(), ""), NewManagement(o.program(), "s3cret")
	cookie := cookieName + "=" + closed.guard.cookie
	for name, tc := range map[string]struct {
		m      *Management
		path   string
		header []string
		status int
	}{
		"this machine":             {open, "/", nil, 200},
		"localhost":                {open, "/", []string{"Host", "localhost:9090"}, 200},
		"IPv6":                     {open, "/", []string{"Host", "[::1]:9090"}, 200},
		"DNS rebinding":            {open, "/", []string{"Host", "evil.example:9090"}, 421},
		"rebinding, metrics":       {open, "/metrics", []string{"Host", "evil.example"}, 421},
		"rebinding, live":          {open, "/live", []string{"Host", "127.0.0.1.evil.example"}, 421},
		"token where there's none": {open, "/?token=x", nil, 200},
		"no token":                 {closed, "/", nil, 401},
		"no token, metrics":        {closed, "/metrics", []string{"Accept", "*/*"}, 401},
		"no token, live":           {closed, "/live", nil, 401},
		"bearer":                   {closed, "/metrics", []string{"Authorization", "Bearer s3cret"}, 200},
		"bearer, any name":         {closed, "/", []string{"Authorization", "Bearer s3cret", "Host", "status.example.com"}, 200},
		"wrong bearer":             {closed, "/", []string{"Authorization", "Bearer s3cre"}, 401},
		"empty bearer":             {closed, "/", []string{"Authorization", "Bearer "}, 401},
		"cookie":                   {closed, "/", []string{"Cookie", cookie}, 200},
		"token as a cookie":        {closed, "/", []string{"Cookie", cookieName + "=s3cret"}, 401},
		"wrong ?token=":            {closed, "/?token=x", nil, 401},
		"?token=":                  {closed, "/?token=s3cret&account=a%40b", nil, 303},
		"health":                   {closed, "/healthz", nil, 200},
		"readiness":                {closed, "/readyz", nil, 200},
		"unknown":                  {closed, "/etc/passwd", nil, 404},
		"unknown, open":            {open, "/admin", nil, 404},
	} {
		w := look(tc.m, tc.path, tc.header...)
		if w.Code != tc.status {
			t.Errorf("%s: %d, want %d", name, w.Code, tc.status)
		}
		if w.Code != 200 && strings.Contains(w.Body.String(), "xmpp1.example.com") || strings.Contains(fmt.Sprint(w.Header()), "s3cret") {
			t.Errorf("%s: the answer tells too much: %v %s", name, w.Header(), w.Body)
		}
	}
	w := look(closed, "/?token=s3cret&account=a%40b")
	if to := w.Header().Get("Location"); to != "/?account=a%40b" {
		t.Errorf("sent to %q", to)
	}
	if c := w.Result().Cookies(); len(c) != 1 || c[0].Value != closed.guard.cookie || !c[0].HttpOnly || c[0].SameSite != http.SameSiteStrictMode {
		t.Errorf("cookies %v", c)
	}
	if body := look(closed, "/readyz").Body.String(); strings.Contains(body, "push") {
		t.Errorf("/readyz without the token: %s", body)
	}
}

func TestLogin(t *testing.T) {
	m := NewManagement(newOffice(time.Now()).program(), "s3cret")
	try := func(token string) int {
		r := httptest.NewRequest("POST", "/login", strings.NewReader(url.Values{"token": {token}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		m.ServeHTTP(w, r)
		if w.Code == 303 && (w.Header().Get("Location") != "/" || len(w.Result().Cookies()) != 1) {
			t.Errorf("sent to %s with %v", w.Header().Get("Location"), w.Result().Cookies())
		}
		return w.Code
	}
	if got := try("s3cret"); got != 303 {
		t.Errorf("the token: %d", got)
	}
	for range triesPerMinute {
		if got := try("wrong"); got != 401 {
			t.Errorf("a wrong token: %d", got)
		}
	}
	if got := try("s3cret"); got != 401 {
		t.Errorf("the token after many wrong ones: %d", got)
	}
	if got := try(strings.Repeat("x", 2*maxBody)); got != 401 {
		t.Errorf("a long token: %d", got)
	}
}

func TestReady(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(o *office)
		status int
		want   string
	}{
		"ready":             {func(*office) {}, 200, `"ready":true`},
		"one server left":   {func(o *office) { o.connections[0].Live = 0 }, 200, `"connections":2`},
		"no connection":     {func(o *office) { o.connections[0].Live, o.connections[1].Live = 0, 0 }, 503, `"connections":0`},
		"store away":        {func(o *office) { o.store = errors.New("no route to host") }, 503, `"store":"no route to host"`},
		"provider paused":   {func(o *office) { o.providers[0].Paused = true }, 200, `"paused":true`},
		"provider unloved":  {func(o *office) { o.providers[0].Trusted = false }, 200, `"trusted":false`},
		"no provider":       {func(o *office) { o.providers = nil }, 200, `"providers":[]`},
		"another component": {func(o *office) { o.connections[0].Component, o.connections[1].Component = "x", "x" }, 503, `"connections":0`},
	} {
		o := newOffice(time.Now())
		tc.change(o)
		w := look(NewManagement(o.program(), ""), "/readyz")
		if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestMetrics(t *testing.T) {
	now := time.Now()
	o := newOffice(now)
	m := NewManagement(o.program(), "")
	o.hour(m.history, now)
	body := look(m, "/metrics").Body.String()
	for _, want := range []string{
		`tpush_publishes_total{outcome="accepted"} `,
		`tpush_pushes_total{outcome="gone",provider="tigase:messenger:apns:1",reason="Unregistered"} `,
		`tpush_push_duration_seconds_bucket{provider="fcm-http-v1",le="0.05"} `,
		`tpush_push_duration_seconds_count{provider="fcm-http-v1"} `,
		`tpush_component_connections{domain="push.example.com",server="xmpp1.example.com:5347"} 2`,
		`tpush_component_connects_total{domain="push.example.com",server="xmpp2.example.com:5347"} 5`,
		`tpush_requests_turned_away_total{domain="push.example.com",server="xmpp2.example.com:5347"} 7`,
		fmt.Sprintf(`tpush_certificate_expiry_timestamp_seconds{kind="messages",provider="tigase:messenger:apns:1"} %.9e`, float64(o.providers[0].Expires.Unix()))[:70],
		`tpush_provider_devices{provider="fcm-http-v1"} 7310`,
		`tpush_provider_trusted{kind="messages",provider="fcm-http-v1"} 1`,
		`tpush_provider_paused{kind="calls",provider="fcm-http-v1"} 0`,
		`tpush_build_info{version="1.2.3"} 1`,
		"go_goroutines ",
		"process_resident_memory_bytes ",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(body, "@") || strings.Contains(body, secret) {
		t.Error("an address or a token in the metrics")
	}
}

// TestNumberOfSeries bounds what a Prometheus server has to keep, whatever the
// push services answer.
func TestNumberOfSeries(t *testing.T) {
	o := newOffice(time.Now())
	for i := range 5000 {
		o.pushes("fcm-http-v1", "failed", fmt.Sprint("made up ", i)).Inc()
	}
	// Of three components with the same providers.
	p := o.program()
	p.Components = append(p.Components, p.Components[0], p.Components[0])
	p.Components[1].Name, p.Components[2].Name = "push2", "push3"
	r := prometheus.NewRegistry()
	r.MustRegister(&collector{p})
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := 0
	for _, f := range families {
		all += len(f.Metric)
	}
	if all > maxSeries+100 || all < maxSeries {
		t.Errorf("%d series", all)
	}
}
