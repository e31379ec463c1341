package http

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"
)

func TestClient(t *testing.T) {
	p, err := ParseProxies([]string{"127.0.0.1", "::1", "10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		remote    string
		forwarded []string
		want      string
	}{
		"no proxy":                    {"198.51.100.7:1", nil, "198.51.100.7"},
		"stranger's header":           {"198.51.100.7:1", []string{"203.0.113.1"}, "198.51.100.7"},
		"proxy":                       {"127.0.0.1:1", []string{"203.0.113.1"}, "203.0.113.1"},
		"proxy without header":        {"127.0.0.1:1", nil, "127.0.0.1"},
		"two proxies":                 {"[::1]:1", []string{"203.0.113.1, 10.1.2.3"}, "203.0.113.1"},
		"what the client made up":     {"127.0.0.1:1", []string{"1.2.3.4, 203.0.113.1"}, "203.0.113.1"},
		"two headers":                 {"127.0.0.1:1", []string{"1.2.3.4", "203.0.113.1"}, "203.0.113.1"},
		"nonsense":                    {"127.0.0.1:1", []string{"unknown"}, "127.0.0.1"},
		"nonsense before a proxy":     {"127.0.0.1:1", []string{"<script>, 10.0.0.1"}, "10.0.0.1"},
		"with ports":                  {"127.0.0.1:1", []string{"[2001:db8::1]:5, 10.0.0.1:77"}, "2001:db8::1"},
		"IPv4 in IPv6":                {"[::ffff:127.0.0.1]:1", []string{"::ffff:203.0.113.1"}, "203.0.113.1"},
		"zone of the local interface": {"[fe80::1%eth0]:1", nil, "fe80::1"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tc.remote
		r.Header["X-Forwarded-For"] = tc.forwarded
		if got := p.client(r).String(); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
	if _, err := ParseProxies([]string{"nginx"}); err == nil {
		t.Error("a name is no address")
	}
}

func TestRedirect(t *testing.T) {
	p, err := ParseProxies([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	h, _ := rest(RESTConfig{})
	for _, tc := range []struct{ when, from, proto, forwardedHost, want string }{
		{"never", "198.51.100.7:1", "", "", ""},
		{"http", "198.51.100.7:1", "", "", "https://push.example.com:443/a?b=c%20d"},
		{"http", "198.51.100.7:1", "https", "", "https://push.example.com:443/a?b=c%20d"}, // a stranger's word
		{"http", "127.0.0.1:1", "https", "", ""},
		{"https", "127.0.0.1:1", "https", "other.example", "https://other.example:443/a?b=c%20d"},
		{"always", "127.0.0.1:1", "", "", "https://push.example.com:443/a?b=c%20d"},
	} {
		r := httptest.NewRequest("POST", "http://push.example.com:8080/a?b=c%20d", nil)
		r.RemoteAddr = tc.from
		if tc.proto != "" {
			r.Header.Set("X-Forwarded-Proto", tc.proto)
		}
		if tc.forwardedHost != "" {
			r.Header.Set("X-Forwarded-Host", tc.forwardedHost)
		}
		w := httptest.NewRecorder()
		(&Redirect{When: tc.when, To: "https://{host}:443", Proxies: p, Next: h}).ServeHTTP(w, r)
		if got := w.Header().Get("Location"); got != tc.want || (w.Code == 307) != (tc.want != "") {
			t.Errorf("%+v: %d %q", tc, w.Code, got)
		}
	}
}

func TestRate(t *testing.T) {
	r, at := newRate(4), time.Unix(600, 0)
	count := func(key string, after time.Duration) (n int) {
		for r.allow(key, at.Add(after)) {
			n++
		}
		return n
	}
	for _, step := range []struct {
		key   string
		after time.Duration
		want  int
	}{{"a", 0, 4}, {"b", 59 * time.Second, 4}, {"a", 59 * time.Second, 0}, {"b", 60 * time.Second, 0}, {"b", 90 * time.Second, 2}, {"a", time.Hour, 4}} {
		if got := count(step.key, step.after); got != step.want {
			t.Errorf("%s after %s: %d, want %d", step.key, step.after, got, step.want)
		}
	}
	if newRate(0).allow("x", at) != true {
		t.Error("0 is no limit")
	}
	for i := range 3 * maxKeys {
		r.allow(fmt.Sprint(i), at.Add(2*time.Hour))
	}
	if len(r.now) > maxKeys+1 {
		t.Errorf("%d keys are remembered", len(r.now))
	}
}
