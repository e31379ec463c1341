package http

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// look asks the management connector and returns its answer.
func look(m *Management, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	r.Host = "127.0.0.1:9090"
	r.Header.Set("Accept", "text/html")
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	return w
}

func TestPage(t *testing.T) {
	now := time.Now()
	o := newOffice(now)
	m := NewManagement(o.program(), "")
	o.hour(m.history, now)
	w := look(m, "/?account=ala@example.com")
	body := w.Body.String()
	if dir := os.Getenv("TPUSH_PAGE"); dir != "" { // for a look with a browser
		if err := os.WriteFile(filepath.Join(dir, "page.html"), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"<h1 id=\"verdict\">Pushes flow</h1>", "xmpp2.example.com:5347", "system-shutdown <small>", "tigase:messenger:apns:1", "18,432", "25,742", "device gone", "device removed",
		"in 211 days", "in 19 days", "&lt;script&gt;alert(1)", "Publishes by answer", "look at the phone&#39;s settings", "Last pushes to this device"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if w.Code != 200 || strings.Contains(body, "<script>alert") || strings.Contains(body, secret) || strings.Contains(body, "NaN") || strings.Contains(body, "ZgotmplZ") {
		t.Errorf("status %d, or something on the page that must not be there", w.Code)
	}
	nonces := regexp.MustCompile(`nonce="([^"]+)"`).FindAllStringSubmatch(body, -1)
	csp := w.Header().Get("Content-Security-Policy")
	for _, n := range nonces {
		if !strings.Contains(csp, "script-src 'nonce-"+n[1]+"'") {
			t.Errorf("nonce %s is not that of %s", n[1], csp)
		}
	}
	if again := look(m, "/").Body.String(); len(nonces) != 2 || strings.Contains(again, nonces[0][1]) {
		t.Errorf("%d nonces, or the same one twice", len(nonces))
	}
	for _, tag := range regexp.MustCompile(`(?i)<[a-z]+[^>]*\s(src|href|action|style|on[a-z]+)=["'][^"']*["'][^>]*>`).FindAllString(body, -1) {
		if regexp.MustCompile(`\s(style|on[a-z]+|src)=|href="(https?:)?//`).MatchString(tag) {
			t.Errorf("the page loads or styles from elsewhere: %s", tag)
		}
	}
}

func TestLive(t *testing.T) {
	o := newOffice(time.Now())
	m := NewManagement(o.program(), "")
	w := look(m, "/live")
	var parts map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &parts); err != nil || len(parts) != len(sections) {
		t.Fatalf("%v: %s", err, w.Body)
	}
	page := look(m, "/").Body.String()
	for _, name := range sections {
		if parts[name] == "" || !strings.Contains(page, `<div id="`+name+`" data-live>`) {
			t.Errorf("section %s: %d bytes", name, len(parts[name]))
		}
	}
	for range 20 {
		look(m, "/live")
	}
	if o.asked > 2 {
		t.Errorf("the store was asked %d times for 22 views", o.asked)
	}
}

func TestVerdict(t *testing.T) {
	now := time.Now()
	in := func(d time.Duration) *time.Time { at := now.Add(d); return &at }
	for name, tc := range map[string]struct {
		change func(o *office)
		level  string
		want   string
	}{
		"well":             {func(*office) {}, levelGood, ""},
		"not connected":    {func(o *office) { o.connections[1].Live = 0 }, levelBad, "push.example.com is not connected to the XMPP server at xmpp2.example.com:5347: the server closed the stream: system-shutdown."},
		"no server":        {func(o *office) { o.connections = nil }, levelBad, "No XMPP server is configured."},
		"store":            {func(o *office) { o.store = http.ErrHandlerTimeout }, levelBad, "The database does not answer"},
		"no provider":      {func(o *office) { o.providers = nil }, levelBad, "'push' has no provider"},
		"paused":           {func(o *office) { o.providers[1].Paused = true }, levelBad, "FCM takes no pushes of fcm-http-v1"},
		"calls paused":     {func(o *office) { o.providers[0].CallsPaused = true }, levelWarn, "APNs takes no calls"},
		"expired":          {func(o *office) { o.providers[0].Expiries[0].At = *in(-time.Hour) }, levelBad, "The certificate of tigase:messenger:apns:1 expired on"},
		"expires":          {func(o *office) { o.providers[0].Expiries[1].At = *in(50 * time.Hour) }, levelWarn, "expires in 2 days."},
		"not trusted":      {func(o *office) { o.providers[0].Trusted, o.providers[0].Problems = false, o.entries[3:] }, levelWarn, "does not know device tokens"},
		"not trusted, yet": {func(o *office) { o.providers[0].Trusted = false }, levelGood, ""},
	} {
		o := newOffice(now)
		tc.change(o)
		v := o.program().judge(t.Context(), now)
		if v.Level != tc.level || (tc.want == "") != (len(v.Findings) == 0) || tc.want != "" && !strings.Contains(v.Findings[0].Text, tc.want) {
			t.Errorf("%s: %+v", name, v)
		}
		for _, f := range v.Findings {
			if f.Cure == "" {
				t.Errorf("%s: no cure", name)
			}
		}
	}
}
