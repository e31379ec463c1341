package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tpush/tpush/tdsl"
)

// TestFCMPage looks that the page has every setting.
func TestFCMPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("docs", "fcm.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range tdsl.Keys(new(legacyConfig)) {
		if !strings.Contains(string(page), "\n| `"+key+"` | ") {
			t.Errorf("the page does not have %s", key)
		}
	}
}
