package fcm

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/fcm/fcmtest"
)

func TestNewErrors(t *testing.T) {
	s := simulator(t)
	good, home := config(t, s)
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"none":        {func(c *Config) { c.ServiceAccountFile = "" }, "service-account-file: it is missing"},
		"endpoint":    {func(c *Config) { c.Endpoint = "fcm.example.com" }, "endpoint:"},
		"query":       {func(c *Config) { c.Endpoint = "https://h/v1?key=x" }, "endpoint:"},
		"port":        {func(c *Config) { c.Endpoint = "https://h:99999" }, "endpoint: its port is out of range"},
		"no host":     {func(c *Config) { c.Endpoint = "https:///v1" }, "endpoint:"},
		"CA":          {func(c *Config) { c.CAFile = "none.pem" }, "ca-file:"},
		"proxy":       {func(c *Config) { c.Proxy = "user:hidden@proxy:3128" }, "proxy: it is an address"},
		"https proxy": {func(c *Config) { c.Endpoint, c.Proxy = "", "ftp://user:hidden@proxy" }, "proxy: it is an address"},
		"time-out":    {func(c *Config) { c.RequestTimeout = 0 }, "request-timeout"},
		"concurrency": {func(c *Config) { c.MaxConcurrent = 0 }, "max-concurrent"},
		"transport":   {func(c *Config) { c.Transport = "fast" }, "transport"},
		"expiration":  {func(c *Config) { c.Expiration = 29 * 24 * time.Hour }, "expiration"},
	} {
		cfg := good
		tc.change(&cfg)
		_, err := New("p", cfg, home, NewQuotas(), slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: error %v, want one that says %q", name, err, tc.want)
		}
	}
}

// A service account that cannot be loaded breaks its provider, not the program;
// one that is put right is taken up.
func TestBrokenServiceAccount(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	data, err := s.ServiceAccount()
	if err != nil {
		t.Fatal(err)
	}
	without := func(key string) string {
		var m map[string]string
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatal(err)
		}
		delete(m, key)
		out, _ := json.Marshal(m)
		return string(out)
	}
	for name, tc := range map[string]struct{ text, want string }{
		"not JSON":   {"hello", "service-account-file: " + filepath.Join(home, "sa.json") + ": it is no JSON file"},
		"other type": {`{"project_info":{}}`, `of type "", not service_account: the app's google-services.json`},
		"no key":     {without("private_key"), "its private_key: it is missing"},
		"no e-mail":  {without("client_email"), "its client_email is missing"},
		"bad key":    {strings.Replace(string(data), "BEGIN", "BEGUN", 1), "its private_key: it is no PEM"},
		"token_uri":  {strings.Replace(string(data), `"http://`, `"htp://`, 1), "its token_uri: it is an address such as"},
		"no project": {without("project_id"), "project-id: it is missing"},
		"no file":    {"", "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, home, tc.text)
			p := provider(t, cfg, home)
			if err := p.Broken(); err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "PRIVATE KEY") {
				t.Errorf("error %v, want one that says %q", err, tc.want)
			}
			if err := p.Push(t.Context(), target(), plain()); providers.KindOf(err) != providers.Unauthorized || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("a push: %v", err)
			}
			write(t, home, string(data))
			if err := p.Push(t.Context(), target(), plain()); err != nil {
				t.Errorf("with the file put right: %v", err)
			}
		})
	}
}

// A key that Google no longer takes is read again from its file, where a new
// one may be; so it is when told to.
func TestAccountIsReadAgain(t *testing.T) {
	old, s := simulator(t), simulator(t)
	cfg, home := config(t, s)
	good, err := s.ServiceAccount()
	if err != nil {
		t.Fatal(err)
	}
	data, err := old.ServiceAccount()
	if err != nil {
		t.Fatal(err)
	}
	withdrawn := strings.ReplaceAll(string(data), strings.TrimSuffix(old.Endpoint(), "/v1"), strings.TrimSuffix(s.Endpoint(), "/v1"))
	write(t, home, withdrawn)
	p := provider(t, cfg, home)
	if err := p.Push(t.Context(), target(), plain()); providers.KindOf(err) != providers.Unauthorized {
		t.Errorf("with a key that is none: %v", err)
	}
	write(t, home, string(good))
	if err := p.Push(t.Context(), target(), plain()); err != nil {
		t.Errorf("with the new key: %v", err)
	}
	write(t, home, "{}")
	if err := p.Reload(); err == nil || !strings.Contains(err.Error(), "service-account-file") {
		t.Errorf("a bad file: %v", err)
	}
	write(t, home, strings.Replace(string(good), `"`+fcmtest.Project+`"`, `"another-project"`, 1))
	if err := p.Reload(); err == nil || !strings.Contains(err.Error(), "it is now of project another-project, not "+fcmtest.Project) {
		t.Errorf("another project's file: %v", err)
	}
	if err := p.Push(t.Context(), target(), plain()); err != nil {
		t.Errorf("after that: %v", err)
	}
	write(t, home, withdrawn)
	if err := p.Reload(); err != nil {
		t.Error(err)
	}
	if err := p.Push(t.Context(), target(), plain()); providers.KindOf(err) != providers.Unauthorized {
		t.Errorf("with the other account: %v", err)
	}
}

// write puts the service account's file in its place; empty: it is not there.
func write(t *testing.T, home, text string) {
	t.Helper()
	file := filepath.Join(home, "sa.json")
	if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if text == "" {
		return
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Google's console gives files without token_uri for some accounts, and admins
// write endpoints with and without its path.
func TestWhatIsLeftOut(t *testing.T) {
	s := simulator(t)
	cfg, home := config(t, s)
	for _, endpoint := range []string{"%", "%/", "%/v1", "%/v1/", "%/v1/projects", "%/v1/projects/other/messages:send"} {
		cfg.Endpoint = strings.Replace(endpoint, "%", strings.TrimSuffix(s.Endpoint(), "/v1"), 1)
		if err := provider(t, cfg, home).Push(t.Context(), target(), plain()); err != nil {
			t.Errorf("%s: %v", cfg.Endpoint, err)
		}
	}
	data, err := s.ServiceAccount()
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]string
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "token_uri")
	text, _ := json.Marshal(m)
	if a, err := parseAccount(text); err != nil || a.jwt.TokenURL != "https://oauth2.googleapis.com/token" {
		t.Errorf("without token_uri: %+v, %v", a, err)
	}
}

func FuzzParseAccount(f *testing.F) {
	f.Add([]byte(`{"type":"service_account","private_key":"x","client_email":"y","token_uri":"z"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if a, err := parseAccount(data); err == nil && a.jwt == nil {
			t.Error("an account without credentials")
		}
	})
}
