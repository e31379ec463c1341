package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/tdsl"
)

// TestPorts looks which ports a configuration opens.
func TestPorts(t *testing.T) {
	home := t.TempDir()
	for name, text := range map[string]string{"scripts/rest/push/UnregisterDeviceHandler.groovy": "// Tigase's own", "other/push/x.groovy": "", "empty/push/README": ""} {
		file := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writeCertificate(t, filepath.Join(home, "certs", "push.example.com.pem"), "push.example.com")
	for name, tc := range map[string]struct{ config, ports, failed string }{
		"nothing said":        {"", "[:8080]", ""},
		"http alone":          {"http () {}", "[:8080]", ""},
		"as in the reference": {"httpServer () {\n connections {\n  8080 (active: false) {}\n  8443 () {\n   socket = 'ssl'\n   domain = 'push.example.com'\n   redirectCondition = 'never'\n   redirectUri = 'https://{host}:443'\n  }\n }\n}", "[:8443 TLS h2]", ""},
		"both":                {"httpServer {\n connections {\n  8443 () {\n   socket = ssl\n   domain = 'push.example.com'\n   'use-http2' = false\n  }\n }\n}", "[:8443 TLS :8080]", ""},
		"list":                {"httpServer () {\n connections () {\n  ports = [ 8081, 8082 ]\n }\n}", "[:8081 :8082]", ""},
		"older list":          {"httpServer {\n ports = [ 8081 ]\n}", "[:8081]", ""},
		"older list, block":   {"httpServer {\n ports = [ 8081, 8443 ]\n 8443 {\n  socket = 'tls'\n  domain = 'push.example.com'\n }\n}", "[:8443 TLS h2 :8081]", ""},
		"Jetty":               {"httpServer (class: tigase.http.jetty.JettyStandaloneHttpServer) {\n connections {\n  8080 (active: false) {}\n  9443 () {\n   socket = 'ssl'\n   'cert-file' = 'certs/push.example.com.pem'\n  }\n }\n}", "[:9443 TLS h2]", ""},
		"JDK":                 {"httpServer (class: tigase.http.java.JavaStandaloneHttpServer) {\n executor {\n  threads = 4\n  'request-timeout' = 60000\n }\n}", "[:8080]", ""},
		"loopback":            {"httpServer {\n connections {\n  8080 {\n   listen = '127.0.0.1'\n  }\n }\n}", "[127.0.0.1:8080]", ""},
		"module switched off": {"http {\n rest (active: false) {}\n}", "[]", ""},
		"http switched off":   {"http (active: false) {}", "[]", ""},
		"setting against":     {"http {\n rest {\n  'push-unregister' = false\n }\n}", "[]", ""},
		"setting for":         {"http {\n rest {\n  'push-unregister' = true\n  'rest-scripts-dir' = 'none'\n }\n}", "[:8080]", ""},
		"other scripts":       {"http {\n rest {\n  'rest-scripts-dir' = 'other'\n }\n}", "[:8080]", ""},
		"no handler":          {"http {\n rest {\n  'rest-scripts-dir' = 'empty'\n }\n}", "[]", ""},
		"management":          {"http {\n rest {\n  'push-unregister' = false\n }\n management {\n  listen = '127.0.0.1:9090'\n }\n}", "[127.0.0.1:9090]", ""},
		"Tigase's modules":    {"http () {\n setup () {\n  'admin-user' = 'admin'\n }\n 'dns-webservice' (active: false) {}\n rest {\n  'open-access' = true\n }\n}", "[:8080]", ""},
		"no certificate":      {"httpServer {\n connections {\n  8080 (active: false) {}\n  8443 () {\n   socket = 'ssl'\n   domain = 'other.example'\n  }\n }\n}", "[]", "port 8443: there is no certificate"},
		"one without":         {"httpServer {\n connections {\n  8443 () {\n   socket = 'ssl'\n  }\n }\n}", "[:8080]", ""},
		"no port":             {"httpServer {\n connections {\n  https () {\n  }\n }\n}", "[:8080]", "'https' is no port"},
		"odd socket":          {"httpServer {\n connections {\n  8080 () {\n   socket = 'udp'\n  }\n }\n}", "[]", "socket: \"udp\""},
		"open to all":         {"http {\n management {\n  listen = '0.0.0.0:9090'\n }\n}", "[:8080]", "others than this machine could read the status page"},
		"open with a token":   {"http {\n management {\n  listen = '0.0.0.0:9090'\n  token = 'x'\n }\n}", "[0.0.0.0:9090 :8080]", ""},
		"odd answer":          {"http {\n rest {\n  'unknown-device' = 'maybe'\n }\n}", "[]", "unknown-device"},
		"odd proxy":           {"httpServer {\n 'trusted-proxies' = [ 'nginx' ]\n}", "[]", "trusted-proxies"},
	} {
		t.Run(name, func(t *testing.T) {
			text := "push () {}\next () {\n items = [ 'push.example.com:s:connect:1:127.0.0.1:accept' ]\n}\n" + tc.config + "\n"
			file, err := tdsl.Load("config.tdsl", strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			g, err := beans.Build(t.Context(), file, tdsl.Env{}, classes(home), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			var ports []string
			for _, f := range beans.Built[*httpFace](g) {
				for _, k := range f.connectors {
					text := k.Address
					if k.TLS != nil {
						text += " TLS"
						if k.HTTP2 {
							text += " h2"
						}
					}
					ports = append(ports, text)
				}
			}
			if got := "[" + strings.Join(ports, " ") + "]"; got != tc.ports {
				t.Errorf("opens %s, want %s", got, tc.ports)
			}
			if failed := g.Failed(); (len(failed) > 0) != (tc.failed != "") || tc.failed != "" && !slices.ContainsFunc(failed, func(e *beans.Error) bool { return strings.Contains(e.Error(), tc.failed) }) {
				t.Errorf("failed: %v, want %q", failed, tc.failed)
			}
			for _, f := range g.Findings {
				if f.Severity == beans.Warning && tc.failed == "" {
					t.Errorf("warning: %s", f)
				}
			}
		})
	}
}
