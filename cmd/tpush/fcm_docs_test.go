package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tpush/tpush/tdsl"
)

// snippets are a page's configurations.
var snippets = regexp.MustCompile("(?ms)^```\n(.*?)^```$")

// TestFCMPage reads the configurations of the page and looks that it has every
// setting.
func TestFCMPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("docs", "fcm.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := snippets.FindAllSubmatch(page, -1)
	if len(found) < 4 {
		t.Fatalf("only %d configurations", len(found))
	}
	for _, m := range found {
		if _, out, errs := tpush("check", configFile(t, string(m[1]))); errs != "" || strings.Contains(out, "has no property") || strings.Contains(out, "unknown class") {
			t.Errorf("%s\n%s%s", m[1], out, errs)
		}
	}
	for _, key := range tdsl.Keys(new(legacyConfig)) {
		if !strings.Contains(string(page), "\n| `"+key+"` | ") {
			t.Errorf("the page does not have %s", key)
		}
	}
}
