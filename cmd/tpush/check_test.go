package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCheckTellsEverything has mistakes of every kind in one file: a bean that
// the program cannot do without hides no other.
func TestCheckTellsEverything(t *testing.T) {
	file := configFile(t, `admins = [ 'admin@example.com/desk', 'no@address@', 'example.com@@' ]
dataSource {
    default () {
        uri = 'jdbc:mysqll://localhost/tigase?user=u&password=hunter2'
    }
}
push () {
    'apns-binary-api' () {
        'cert-file' = '/none.p12'
        'cert-pasword' = 'hunter2'
    }
    one (class: tigase.push.apns.APNsBinaryApiProvidr) {}
    two (class: tigase.push.apns.APNsBinaryApiProvider) {
        'pool-size' = 'many'
    }
    'fcm-http-v1' () {
        'service-account-file' = '/none.json'
    }
}
pusk () {}
ext () {
    items = [ 'push.example.com:hunter2:connect:5270:localhost' ] x
}
`)
	code, out, errs := tpush("check", file)
	if code != exitConfig {
		t.Errorf("exit code %d", code)
	}
	at := 0
	for _, want := range []string{
		`:1:10: error: push: admins: "no@address@" is no address`,
		`:1:10: error: push: admins: "example.com@@" is no address`,
		`:1:10: warning: push: admins: "admin@example.com/desk" is no bare JID`,
		`:4:15: error: dataSource/default: uri: databases of kind "mysqll"`,
		`:9:23: error: push/apns-binary-api: cert-file: open /none.p12`,
		`:10:9: warning: 'push/apns-binary-api' has no property 'cert-pasword'`, `did you mean 'cert-password'?`,
		`:12:5: warning: unknown class tigase.push.apns.APNsBinaryApiProvidr`, `did you mean 'tigase.push.apns.APNsBinaryApiProvider'?`,
		`:14:23: error: push/two: 'pool-size' = "many": a whole number is expected`,
		`:17:34: error: push/fcm-http-v1: service-account-file: open /none.json`,
		`:20:1: warning: there is no class for a bean named 'pusk' here`, `did you mean 'push'?`,
		`:22:67: warning: 'x' is lost`,
	} {
		n := strings.Index(out[at:], want)
		if n < 0 {
			t.Errorf("not there, or not in the file's order: %s", want)
			continue
		}
		at += n
	}
	if strings.Contains(out+errs, "hunter2") {
		t.Error("a password is shown")
	}
	if t.Failed() {
		t.Log(out)
	}
}

func TestMasked(t *testing.T) {
	for line, want := range map[string]string{
		"  'cert-password' = 'pass word' # x":            "  'cert-password' = **********' # x",
		"uri = 'jdbc:mysql://h/d?user=u&password=p&x=1'": "uri = 'jdbc:mysql://h/d?user=u&password=*&x=1'",
		"items = [ 'p.a:s:connect:5270:h' ]":             "items = [ 'p.a:*:connect:5270:h' ]",
		"password = env('PW')":                           "password = env('PW')",
		"password = env('PW', 'hunter2')":                "password = env('PW', ********')",
		"secret = 'a' + 'hunter2' + 5":                   "secret = **************' + 5",
		"uri = 'mongodb://u:hunter2@h/d'":                "uri = 'mongodb://u:*******@h/d'",
		"'pool-size' = 5":                                "'pool-size' = 5",
	} {
		if got := masked(line); got != want {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
	}
}

// A configuration may come from a pipe, which gives it only once.
func TestCheckOfAPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("a = b-c\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	code, _, errs := tpush("check", fmt.Sprintf("/dev/fd/%d", r.Fd()))
	if code != exitConfig || !strings.Contains(errs, "    a = b-c\n         ^\n") {
		t.Errorf("exit code %d, said %s", code, errs)
	}
}

// Many findings on one long line take no longer than one.
func TestCheckOfALongLine(t *testing.T) {
	start := time.Now()
	code, _, _ := tpush("check", configFile(t, strings.Repeat("{", 300_000)))
	if took := time.Since(start); code != exitConfig || took > 10*time.Second {
		t.Errorf("exit code %d after %v", code, took)
	}
}

// Whoever names the home folder means the configuration there.
func TestConfigurationBelowHome(t *testing.T) {
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, "etc"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, defaultFile), []byte("a = 5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := tpush("dump", "--written", "--home", home); code != 0 || out != "a = 5\n" {
		t.Errorf("exit code %d, printed %s%s", code, out, errs)
	}
}
