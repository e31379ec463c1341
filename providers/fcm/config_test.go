package fcm

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNewErrors(t *testing.T) {
	s := simulator(t)
	good, _ := config(t, s)
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
	for name, tc := range map[string]struct {
		file   string
		change func(*Config)
		want   string
	}{
		"none":        {"", func(c *Config) { c.ServiceAccountFile = "" }, "service-account-file: it is missing"},
		"missing":     {"", func(c *Config) { c.ServiceAccountFile = "none.json" }, "no such file"},
		"not JSON":    {"hello", nil, "it is no JSON file"},
		"other type":  {`{"type":"authorized_user"}`, nil, `of type "authorized_user"`},
		"no key":      {without("private_key"), nil, "its private_key is missing"},
		"no e-mail":   {without("client_email"), nil, "its client_email is missing"},
		"bad key":     {strings.Replace(string(data), "BEGIN", "BEGUN", 1), nil, "its private_key: it is no PEM"},
		"no project":  {without("project_id"), nil, "project-id: it is missing"},
		"endpoint":    {string(data), func(c *Config) { c.Endpoint = "fcm.example.com" }, "endpoint:"},
		"CA":          {string(data), func(c *Config) { c.CAFile = "none.pem" }, "ca-file:"},
		"proxy":       {string(data), func(c *Config) { c.Proxy = "user:hidden@proxy:3128" }, "proxy: it is an address"},
		"time-out":    {string(data), func(c *Config) { c.RequestTimeout = 0 }, "request-timeout"},
		"concurrency": {string(data), func(c *Config) { c.MaxConcurrent = 0 }, "max-concurrent"},
	} {
		home := t.TempDir()
		if err := os.WriteFile(filepath.Join(home, "sa.json"), []byte(tc.file), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := good
		if tc.change != nil {
			tc.change(&cfg)
		}
		if _, err := New("p", cfg, home, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, tc.want)
		} else if strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "PRIVATE KEY") {
			t.Errorf("%s: the error shows a secret: %v", name, err)
		}
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
