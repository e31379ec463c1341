package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestThreatsAreTested: every row of the tables of who can do harm names tests,
// and those are there.
func TestThreatsAreTested(t *testing.T) {
	page, err := pages.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	there := testNames(t)
	rows := 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) != 3 || strings.HasPrefix(line, "| what is tried") {
			continue
		}
		rows++
		for name := range strings.SplitSeq(strings.TrimSuffix(cells[2], " |"), ", ") {
			if strings.HasSuffix(name, ".txt") {
				if _, err := os.Stat(filepath.Join("..", "..", "component", "push", "testdata", "rules", name)); err != nil {
					t.Error(err)
				}
				continue
			}
			if !there[name] {
				t.Errorf("there is no test %q for: %s", name, cells[0])
			}
		}
	}
	if rows < 25 {
		t.Errorf("only %d rows found", rows)
	}
}

// testNames are the names of all tests of the project.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	test := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	names := map[string]bool{}
	err := filepath.WalkDir(filepath.Join("..", ".."), func(name string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		for _, found := range test.FindAllSubmatch(text, -1) {
			names[string(found[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
