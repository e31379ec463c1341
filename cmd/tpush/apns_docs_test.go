package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tpush/tpush/providers/apns"
	"github.com/tpush/tpush/tdsl"
)

// TestAPNsPage looks that the page has every setting and every reason of
// Apple's.
func TestAPNsPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("docs", "apns.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range tdsl.Keys(new(apns.Config)) {
		if !strings.Contains(string(page), "\n| `"+key+"` | ") {
			t.Errorf("the page does not have the setting %s", key)
		}
	}
	for _, reason := range apns.Reasons() {
		if !strings.Contains(string(page), "`"+reason+"`") {
			t.Errorf("the page does not have the reason %s", reason)
		}
	}
}
