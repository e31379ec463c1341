package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestItemPlaces has what is wrong with a connection item told where it stands.
func TestItemPlaces(t *testing.T) {
	const config = `ext () {
    'connections-per-host' = 2
    items = [
        %s,
        {
            domain = 'push.example.com'
            %s
            port = 5347
        }
    ]
}
`
	const line, secret = "'a.example.com:hunter2:connect:5347:127.0.0.1:accept'", "password = 'hunter2'"
	for _, tc := range []struct{ first, second, at, text, hint string }{
		{line, "pasword = 'hunter2'", "7:13", "there is no property 'pasword' here", "did you mean 'password'?"},
		{line, secret + "\n protocol = [ 1 ]", "8:13", "'protocol'", ""},
		{line, secret + "\n socket = tls", "5:9", "STARTTLS", ""},
		{line, secret + "\n fingerprint = '12'", "5:9", "need socket 'ssl'", ""},
		{"'a.example.com:hunter2:connect:x:h:accept'", secret, "4:9", "is no number", ""},
		{"'a:hunter2:conect:1:h:accept'", secret, "4:9", "it is connect or accept", ""},
		{"'a.example.com:hunter2'", secret, "4:9", "give the server's component port", ""},
		{"'a.example.com:hunter2::0:h:accept'", secret, "4:9", "give the server's component port", ""},
		{"'a.example.com:hunter2:conect:1:h:accept'", secret, "4:9", "it is connect or accept", ""},
	} {
		file := configFile(t, fmt.Sprintf(config, tc.first, tc.second))
		code, out, errs := tpush("check", "--config-file", file, "--home", t.TempDir())
		text := out + errs
		_, rest, found := strings.Cut(text, ":"+tc.at+": error: ext: ")
		message, rest, _ := strings.Cut(rest, "\n")
		if code != exitConfig || !found || !strings.Contains(message, tc.text) || strings.Contains(message, file) || !strings.Contains(rest, tc.hint) {
			t.Errorf("%q, %q: exit code %d, want %s and %q:\n%s", tc.first, tc.second, code, tc.at, tc.text, text)
		}
		if strings.Contains(text, "hunter2") {
			t.Errorf("the secret is shown:\n%s", text)
		}
	}
}
