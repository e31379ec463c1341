package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tpush/tpush/providers/apns/apnstest"
)

// The examples of guide §5 are no mistakes: check has warnings at most, which
// say what to add.
func TestGuideExamples(t *testing.T) {
	for name, tc := range map[string]struct {
		block, warning string
	}{
		"FCM":             {"'fcm-xmpp-api' () {\n # FCM configuration here\n}\n", "fcm-xmpp-api: Google has ended the XMPP API"},
		"FCM credentials": {"'fcm-xmpp-api' () {\n 'sender-id' = 'your-sender-id'\n 'server-key' = 'your-server-key'\n}\n", "add 'service-account-file'"},
		"FCM pool":        {"'fcm-xmpp-api' () {\n 'pool-size' = 5\n}\n", "add 'service-account-file'"},
		"APNs":            {"'apns-binary-api' () {\n # APNs configuration here\n}\n", "there is no certificate and no 'apns-topic'"},
		"APNs topic":      {"'apns-binary-api' () {\n 'apns-topic' = 'com.bundle.id'\n}\n", ""},
		"APNs file":       {"'apns-binary-api' () {\n 'cert-file' = 'cert.p12'\n 'cert-password' = 'Pa$$w0rd'\n 'apns-topic' = 'com.bundle.id'\n}\n", ""},
	} {
		file := configFile(t, "push () {\n"+tc.block+"}\n")
		home := filepath.Dir(file)
		guideCertificate(t, filepath.Join(home, "cert.p12"))
		strict := exitGood
		if tc.warning != "" {
			strict = exitFailed
		}
		for _, args := range [][]string{{"check", "--home", home, file}, {"check", "--strict", "--home", home, file}} {
			code, out, errs := tpush(args...)
			want := exitGood
			if args[1] == "--strict" {
				want = strict
			}
			if code != want || !strings.Contains(out, tc.warning) {
				t.Errorf("%s: %s: exit code %d, want %d and %q\n%s%s", name, args[1], code, want, tc.warning, out, errs)
			}
		}
	}
}

func guideCertificate(t *testing.T, file string) {
	t.Helper()
	apple, err := apnstest.New()
	if err != nil {
		t.Fatal(err)
	}
	defer apple.Close()
	cred, err := apple.Issue(apnstest.Certificate{UID: "com.bundle.id", Production: true})
	if err != nil {
		t.Fatal(err)
	}
	p12, err := cred.P12("Pa$$w0rd", true, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, p12, 0o600); err != nil {
		t.Fatal(err)
	}
}
