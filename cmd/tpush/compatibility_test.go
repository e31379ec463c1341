package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCompatibilityPage looks whether the tests that the page names are there.
func TestCompatibilityPage(t *testing.T) {
	page, err := pages.ReadFile("docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	root := filepath.Join("..", "..")
	define := regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9]+)\(`)
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		for _, m := range define.FindAllStringSubmatch(string(text), -1) {
			tests[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(string(page), -1)
	for _, m := range named {
		if !tests[m[1]] {
			t.Errorf("there is no %s", m[1])
		}
	}
	rules := regexp.MustCompile(`rules/([a-z0-9-]+)`).FindAllStringSubmatch(string(page), -1)
	for _, m := range rules {
		if _, err := os.Stat(filepath.Join(root, "component", "push", "testdata", "rules", m[1]+".txt")); err != nil {
			t.Error(err)
		}
	}
	if len(named) < 15 || len(rules) < 5 {
		t.Errorf("%d tests and %d rules are named", len(named), len(rules))
	}
}
