package main

import (
	"strings"
	"testing"
)

// What 'check --strict' finds keeps 'run --strict' from starting, also what the
// beans say only while they are built.
func TestRunStrict(t *testing.T) {
	for text, want := range map[string]int{
		"push () {}\next () {\n    items = [ 'push.a:s:connect:1:127.0.0.1:accept' ]\n}\n": exitFailed,
		"push () {\n    contentless = 'loud'\n}\n":                                         exitConfig,
	} {
		file := configFile(t, text)
		_, found, _ := tpush("check", "--strict", file)
		code, _, errs := tpush("run", "--strict", "--home", t.TempDir(), file)
		if code != want || !strings.Contains(errs, strings.TrimSpace(found)) || !strings.Contains(errs, "--strict is set") {
			t.Errorf("exit code %d, said\n%s\nbut check\n%s", code, errs, found)
		}
	}
}
