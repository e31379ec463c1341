package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/tdsl"
)

// snippet is a fenced block of a page.
type snippet struct {
	page, language, text string
	line                 int
}

// snippets are all fenced blocks of the README and the pages.
func snippets(t *testing.T) (out []snippet) {
	t.Helper()
	names, err := fs.Glob(pages, "docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, filepath.Join("..", "..", "README.md")) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var open *snippet
		n := 0
		for line := range strings.Lines(string(text)) {
			n++
			fence, ok := strings.CutPrefix(strings.TrimSpace(line), "```")
			switch {
			case ok && open == nil:
				open = &snippet{page: name, language: strings.TrimSpace(fence), line: n}
			case ok:
				out = append(out, *open)
				open = nil
			case open != nil:
				open.text += line
			}
		}
		if open != nil {
			t.Errorf("%s:%d: the block is not closed", name, open.line)
		}
	}
	return out
}

// TestSnippets loads every piece of configuration in the README and the pages: a
// block that names another language is none.
func TestSnippets(t *testing.T) {
	env := tdsl.Env{Var: func(string) (string, bool) { return "x", true }}
	n := 0
	for _, s := range snippets(t) {
		if s.language != "" && s.language != "tdsl" {
			continue
		}
		n++
		file, err := tdsl.Load(s.page, strings.NewReader(s.text))
		if err != nil {
			t.Errorf("%s:%d: %v", s.page, s.line, err)
			continue
		}
		for _, f := range beans.Check(file, env, classes(t.TempDir())) {
			if f.Severity != beans.Note {
				t.Errorf("%s:%d, line %d of the block: %s", s.page, s.line, f.Pos.Line, f.Msg)
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d pieces of configuration found", n)
	}
}

// TestHelp shows every page, and tells which there are.
func TestHelp(t *testing.T) {
	names, err := fs.Glob(pages, "docs/*.md")
	if err != nil || len(names) < 5 {
		t.Fatalf("pages %v, %v", names, err)
	}
	var list, out, errs strings.Builder
	if code := run([]string{"help"}, streams{&list, &errs}); code != exitGood {
		t.Errorf("exit code %d", code)
	}
	for _, name := range names {
		topic := strings.TrimSuffix(filepath.Base(name), ".md")
		out.Reset()
		if code := run([]string{"help", topic}, streams{&out, &errs}); code != exitGood || !strings.HasPrefix(out.String(), "# ") {
			t.Errorf("help %s: exit code %d, %.40q", topic, code, out.String())
		}
		if !strings.Contains(list.String(), "  "+topic+" ") {
			t.Errorf("the list has no %s:\n%s", topic, list.String())
		}
	}
	if code := run([]string{"help", "cooking"}, streams{&out, &errs}); code != exitConfig || !strings.Contains(errs.String(), "no page 'cooking'") {
		t.Errorf("exit code %d, %s", code, errs.String())
	}
}
