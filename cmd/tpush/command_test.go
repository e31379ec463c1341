package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tpush/tpush/providers/apns/apnstest"
)

// log is a writer whose text can be read while it is written.
type log struct {
	mu sync.Mutex
	b  strings.Builder
}

// Write implements io.Writer.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns what was written.
func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// tpush runs a command in this process.
func tpush(args ...string) (code int, out, err string) {
	var stdout, stderr log
	code = run(args, streams{&stdout, &stderr})
	return code, stdout.String(), stderr.String()
}

func configFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.tdsl")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestDemo(t *testing.T) {
	code, out, errs := tpush("demo")
	if code != exitGood || !strings.Contains(out, "All 11 steps") {
		t.Errorf("exit code %d\n%s\n%s", code, out, errs)
	}
	code, out, _ = tpush("demo", "--json")
	if code != exitGood {
		t.Errorf("exit code %d", code)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 11 {
		t.Errorf("%d lines of JSON", len(lines))
	}
	for _, line := range lines {
		var s step
		if err := json.Unmarshal([]byte(line), &s); err != nil || !s.OK || s.Name == "" {
			t.Errorf("%v in %s", err, line)
		}
	}
}

func TestDemoLogShowsNoSecrets(t *testing.T) {
	_, _, log := tpush("demo", "--log", "--json")
	if !strings.Contains(log, "device registered") {
		t.Fatalf("log %q", log)
	}
	for _, secret := range []string{iPhoneToken, callToken, phoneToken, "Pa$$w0rd", demoSecret, "See you at noon", "PRIVATE"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log shows %q:\n%s", secret, log)
		}
	}
}

func TestBeans(t *testing.T) {
	home := t.TempDir()
	apns, err := apnstest.New()
	if err != nil {
		t.Fatal(err)
	}
	defer apns.Close()
	cred, err := apns.Issue(apnstest.Certificate{UID: "com.example", Production: true})
	if err != nil {
		t.Fatal(err)
	}
	p12, err := cred.P12("pw", true, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "ios.p12"), p12, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(home, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "etc", "externalComponentItems"), []byte("push.example.com:s:connect:5347:localhost:accept"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := configFile(t, `'config-type' = 'component'
'default-virtual-host' = 'push.example.com'
dataSource () { default () { uri = 'jdbc:mysql://localhost/tigase?user=u&password=hunter2' } }
userRepository { default () {} }
'push-ios' (class: tigase.push.PushNotificationsComponent) {
    'example:apns:1' (class: tigase.push.apns.APNsBinaryApiProvider) {
        'cert-file' = 'ios.p12'
        'cert-password' = 'pw'
        'pushkit-cert-file' = 'ios.p12'
        fallbackToSandbox = true
    }
    broken (class: tigase.push.apns.APNsBinaryApiProvider) {
        'cert-file' = 'none.p12'
    }
}
ext () {}
`)
	code, out, errs := tpush("beans", "--home", home, file)
	if code != exitGood {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	for _, want := range []string{"push-ios", "├─ example:apns:1", "APNs provider", ":6:5", "└─ broken", "broken, cert-file: open", "needs userRepository/default", "needs userRepository/default, push-ios"} {
		if !strings.Contains(out, want) {
			t.Errorf("the tree does not show %q:\n%s", want, out)
		}
	}
	if code, out, _ := tpush("beans", "--dot", "--home", home, file); code != exitGood || !strings.Contains(out, `"push-ios" -> "push-ios/example:apns:1"`) {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

func TestCheck(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		code int
		want []string
	}{
		"good":          {"ext () {\n    items = [ 'push.a:s:connect:5347:h:accept' ]\n}\npush () {\n}\n", exitGood, []string{":4:1: warning: push: no provider: devices cannot be registered", "0 errors, 1 warning"}},
		"syntax":        {"push () {\n    mode = read-only\n}\n", exitConfig, []string{"config.tdsl:2:16: error: '-' cannot be applied to a text", "        mode = read-only\n                   ^", "stands in quotes"}},
		"unclosed":      {"push () {\n", exitConfig, []string{"the file ends inside braces"}},
		"lost":          {"push () { 'fcm-http-v1' () {} }\n", exitGood, []string{"warning: 'fcm-http-v1' is lost"}},
		"property":      {"push () {\n    'remove-device' = false\n}\n", exitGood, []string{"did you mean 'remove-devices'?"}},
		"value":         {"push () {\n    contentless = 'loud'\n}\n", exitConfig, []string{"contentless: \"loud\": it is alert, silent or drop"}},
		"letter case":   {"push () {\n    contentless = SILENT\n}\n", exitGood, []string{"0 errors"}},
		"two values":    {"push () {\n    contentless = 'loud'\n    'max-devices-per-account' = -1\n}\n", exitConfig, []string{":2:19: error: push: contentless", ":3:33: error: push: max-devices-per-account"}},
		"hidden":        {"push () {\n    'apns-binary-api' () {\n        'cert-file' = '/none.p12'\n        'cert-password' = env('NONE_SUCH')\n    }\n}\n", exitConfig, []string{":3:23: error: push/apns-binary-api: cert-file: open /none.p12", ":4:", "'cert-password': env('NONE_SUCH') is not set", "2 errors"}},
		"three files":   {"push () {\n    'apns-binary-api' () {\n        'cert-file' = '/a.p12'\n        'pushkit-cert-file' = '/b.p12'\n        'p8-file' = '/c.p8'\n    }\n}\n", exitConfig, []string{":3:23: error: push/apns-binary-api: cert-file: open /a.p12", ":4:31: error: push/apns-binary-api: pushkit-cert-file: open /b.p12", ":5:21: error: push/apns-binary-api: p8-file: open /c.p8", "p8-key-id: it is missing", "apns-topic: it is missing"}},
		"duration":      {"push () {\n    'fcm-http-v1' () {\n        'request-timeout' = 15\n    }\n}\n", exitConfig, []string{":3:29: error: push/fcm-http-v1: 'request-timeout' = 15: a duration is expected, such as PT15S"}},
		"certificate":   {"push () {\n    'apns-binary-api' () {\n        'cert-file' = '/none.p12'\n    }\n}\n", exitConfig, []string{":3:23: error: push/apns-binary-api: cert-file: open /none.p12: no such file"}},
		"legacy FCM":    {"push () {\n    'fcm-xmpp-api' () {\n        'sender-id' = '1'\n    }\n}\n", exitGood, []string{":2:5: warning: push/fcm-xmpp-api: Google has ended the XMPP API", "add 'service-account-file'"}},
		"database kind": {"dataSource {\n    default () {\n        uri = 'jdbc:derby:x'\n    }\n}\npush () {}\n", exitConfig, []string{"dataSource/default: uri: Derby can be read by Java programs only: served are"}},
		"item":          {"ext () {\n    items = [ 'push.a:s:connect' ]\n}\npush () {}\n", exitConfig, []string{"item push.a: port 0"}},
		"two push":      {"ext () {\n    items = [ 'p.a:s:connect:1:h:accept' ]\n}\npush () {}\np2 (class: tigase.push.PushNotificationsComponent) {}\n", exitConfig, []string{"no push component takes the domain p.a", "'domain'"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := tpush("check", configFile(t, tc.text))
			if code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			for _, want := range tc.want {
				if !strings.Contains(out+errs, want) {
					t.Errorf("output does not say %q:\n%s%s", want, out, errs)
				}
			}
		})
	}
	if code, _, errs := tpush("check", "/none.tdsl"); code != exitConfig || !strings.Contains(errs, "no such file") {
		t.Errorf("a missing file: exit code %d, %s", code, errs)
	}
	if code, _, _ := tpush("check", "--strict", configFile(t, "push () {\n    odd = 1\n}\n")); code != exitFailed {
		t.Errorf("--strict: exit code %d", code)
	}
	if code, _, _ := tpush("chekc"); code != exitConfig {
		t.Errorf("a wrong word: exit code %d", code)
	}
	var rows []map[string]any
	code, out, _ := tpush("check", "--json", configFile(t, "a = b-c-d\nz { x = 1 }\n}\n"))
	if err := json.Unmarshal([]byte(out), &rows); err != nil || code != exitConfig || len(rows) != 3 {
		t.Errorf("JSON of a refused file: exit code %d, %v\n%s", code, err, out)
	}
	code, out, _ = tpush("check", "--json", configFile(t, "push () {\n    odd = 1\n}\n"))
	if err := json.Unmarshal([]byte(out), &rows); err != nil || code != exitGood || len(rows) != 2 || rows[1]["line"] != 2.0 {
		t.Errorf("JSON: exit code %d, %v\n%s", code, err, out)
	}
}

func TestRunErrors(t *testing.T) {
	push := "push () {}\next () {\n    items = [ 'push.a:s:connect:1:127.0.0.1:accept' ]\n}\n"
	for name, tc := range map[string]struct{ text, want string }{
		"database host":  {"dataSource {\n    default () {\n        uri = 'jdbc:mysql://127.0.0.1:1/db?user=u&password=hunter2'\n    }\n}\n" + push, ":2:5: error: cannot start dataSource/default: database 'db' at 127.0.0.1:1"},
		"unknown engine": {"dataSource {\n    default () {\n        uri = 'jdbc:derby:x'\n    }\n}\n" + push, "cannot start dataSource/default: uri: Derby can be read"},
		"bad push":       {"push () {\n    contentless = 'x'\n}\n", "cannot start push: contentless"},
	} {
		code, out, errs := tpush("run", "--home", t.TempDir(), configFile(t, tc.text))
		if code != exitConfig || !strings.Contains(errs, tc.want) {
			t.Errorf("%s: exit code %d, want 2 and %q:\n%s%s", name, code, tc.want, out, errs)
		}
		if strings.Contains(errs, "hunter2") || strings.Contains(errs, "goroutine") {
			t.Errorf("%s: a password or a stack trace:\n%s", name, errs)
		}
	}
}

func TestShippedConfiguration(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "etc", "config.tdsl"))
	if err != nil {
		t.Fatal(err)
	}
	code, out, errs := tpush("check", configFile(t, string(text)))
	if code != exitGood || strings.Count(out, ": warning:") != strings.Count(out, "no provider") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}

// TestReadmeSnippets checks every configuration in the README.
func TestReadmeSnippets(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), "\n```\n")
	found := 0
	for i := 1; i < len(parts); i += 2 {
		snippet := parts[i]
		if !strings.Contains(snippet, "() {") && !strings.Contains(snippet, ") {") {
			continue
		}
		found++
		_, out, errs := tpush("check", configFile(t, snippet+"\n"))
		if errs != "" || strings.Count(out, ": warning:") != strings.Count(out, "no provider") {
			t.Errorf("%s\n%s%s", snippet, out, errs)
		}
	}
	if found < 3 {
		t.Errorf("only %d configurations found", found)
	}
}

func TestBind(t *testing.T) {
	a := &pushBean{name: "push", vhosts: []string{"a.test"}}
	b := &pushBean{name: "push-ios", domain: []string{"ios.a.test"}, vhosts: []string{"a.test"}}
	c := &pushBean{name: "push", vhosts: []string{"b.test"}}
	for name, tc := range map[string]struct {
		domains    []string
		components []*pushBean
		want       string
	}{
		"own list":     {[]string{"ios.a.test"}, []*pushBean{a, b}, "map[ios.a.test:push-ios]"},
		"name":         {[]string{"push.a.test", "push.b.test"}, []*pushBean{a, b, c}, "map[push.a.test:push push.b.test:push]"},
		"only one":     {[]string{"x.org", "y.org"}, []*pushBean{a}, "map[x.org:push y.org:push]"},
		"nobody":       {[]string{"x.org"}, []*pushBean{a, b}, "no push component takes the domain x.org"},
		"two":          {[]string{"ios.a.test"}, []*pushBean{b, {name: "p3", domain: []string{"ios.a.test"}}}, "could be that of 'push-ios', 'p3'"},
		"no component": {[]string{"x.org"}, nil, "write push () { … }"},
	} {
		got, err := bind(tc.domains, tc.components)
		text := fmt.Sprint(err)
		if err == nil {
			names := map[string]string{}
			for d, p := range got {
				names[d] = p.name
			}
			text = fmt.Sprint(names)
		}
		if !strings.Contains(text, tc.want) {
			t.Errorf("%s: %s, want %s", name, text, tc.want)
		}
	}
}

func TestDump(t *testing.T) {
	file := configFile(t, "--mine = 'x'\nadmins = [ 'a@b' ]\ndataSource {\n    default () {\n        uri = 'jdbc:mysql://h/db?user=u&password=hunter2'\n    }\n}\n"+
		"ext () {\n    items = [ 'push.b:hunter2:connect:5347:h:accept' ]\n}\npush () {\n    domain = prop('mine') + '.b'\n}\nmuc () {\n}\n")
	code, out, errs := tpush("dump", file)
	if code != exitGood {
		t.Fatalf("exit code %d\n%s", code, errs)
	}
	for _, want := range []string{"password=*******", "password = '*******'", "push (class: tigase.push.PushNotificationsComponent) {", "'remove-devices' = true", "'x.b'", "admins = [ 'a@b' ]", "muc () {}"} {
		if !strings.Contains(out, want) {
			t.Errorf("the dump does not hold %q:\n%s", want, out)
		}
	}
	if strings.Contains(out+errs, "hunter2") {
		t.Errorf("the dump shows a secret:\n%s%s", out, errs)
	}
	code, out, errs = tpush("dump", "--tree", "--env", "A=1,2", "--env", "B=", configFile(t, "a = env('A')\nb = env('B')\nc = env('HOME')\nd { x = 1 }\n"))
	for _, want := range []string{`"calculated": "1,2"`, `"calculated": ""`, `"calculated": null`} {
		if code != exitGood || !strings.Contains(out, want) {
			t.Errorf("exit code %d, the tree does not hold %s:\n%s", code, want, out)
		}
	}
	if !strings.Contains(errs, "'x' is lost") || strings.Contains(out, "lost") {
		t.Errorf("the warning is not on standard error alone:\n%s\n%s", out, errs)
	}
	code, out, errs = tpush("dump", "--tree", configFile(t, "a = 'x\n"))
	if code != exitConfig || !strings.Contains(out, `"error": "invalid-format"`) || errs != "" {
		t.Errorf("a refused file: exit code %d\n%s%s", code, out, errs)
	}
	if code, out, _ := tpush("dump", "--written", configFile(t, "b=1\na=2\n")); code != exitGood || out != "a = 2\nb = 1\n" {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

// A value that does not fit is in the dump as it is written, not as zero.
func TestDumpOfUnfitValues(t *testing.T) {
	_, out, _ := tpush("dump", configFile(t, "push () {\n    'apns-binary-api' () {\n        expiration = 'a week'\n        'cert-password' = [ 'hunter2' ]\n    }\n}\n"))
	if !strings.Contains(out, "expiration = 'a week'\n") || strings.Contains(out, "hunter2") {
		t.Errorf("dump\n%s", out)
	}
}

func TestFmt(t *testing.T) {
	file := configFile(t, "push  () {\nx=1   # why\n}\n")
	if code, out, _ := tpush("fmt", file); code != exitGood || out != "push  () {\n    x = 1   # why\n}\n" {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if code, _, errs := tpush("fmt", "--check", file); code != exitFailed || !strings.Contains(errs, "tpush fmt -w") {
		t.Errorf("--check: exit code %d, %s", code, errs)
	}
	if code, out, _ := tpush("fmt", "-w", file); code != exitGood || out != "" {
		t.Errorf("-w: exit code %d, %s", code, out)
	}
	if code, _, _ := tpush("fmt", "--check", file); code != exitGood {
		t.Errorf("--check after -w: exit code %d", code)
	}
	if code, _, errs := tpush("fmt", configFile(t, "a = b-c\nd = e*f\n")); code != exitConfig || !strings.Contains(errs, "2 errors") {
		t.Errorf("a refused file: exit code %d, %s", code, errs)
	}
}

func TestCheckFindsWhatEveryoneCanRead(t *testing.T) {
	file := configFile(t, "push () {\n    admins = [ 'a@b/c' ]\n}\n")
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	_, out, _ := tpush("check", file)
	for _, want := range []string{"everyone on this machine can read this file", "chmod o-r", `admins: "a@b/c" is no bare JID`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestExcerpt(t *testing.T) {
	long := strings.Repeat("x", 500)
	for name, tc := range map[string]struct {
		line          string
		col           int
		shown, indent string
	}{
		"short":      {"\ta = b-c\r", 7, "\ta = b-c", "\t     "},
		"astral":     {"a = '😀' }", 10, "a = '😀' }", "         "},
		"wide":       {"ｋ = 'e\u0301日本' }", 12, "ｋ = 'e\u0301日本' }", strings.Repeat(" ", 13)},
		"long front": {long + "!", 501, "…" + strings.Repeat("x", 60) + "!", strings.Repeat(" ", 61)},
		"long tail":  {"!" + long, 1, "!" + strings.Repeat("x", 119) + "…", ""},
		"control":    {"a\x00\x1b[31m", 2, "a\uFFFD\uFFFD[31m", " "},
		"beyond":     {"ab", 9, "ab", "  "},
	} {
		if shown, indent := excerpt(tc.line, tc.col); shown != tc.shown || indent != tc.indent {
			t.Errorf("%s: %q, %q; want %q, %q", name, shown, indent, tc.shown, tc.indent)
		}
	}
}
