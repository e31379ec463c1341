package push

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a text with that of a file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s\n got:\n%s\nwant:\n%s", file, got, want)
	}
}

// tree writes XML so that texts of the same tree are equal: one element a line,
// attributes sorted, prefixes resolved, a namespace told where it changes. What differs from run to run is masked.
func tree(t testing.TB, text string) string {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	var b strings.Builder
	var open []bool // whether an element that is open holds others
	spaces := []string{""}
	indent := func() { b.WriteString("\n" + strings.Repeat("  ", len(open))) }
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return masked(strings.TrimPrefix(b.String(), "\n") + "\n")
		}
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		switch x := token.(type) {
		case xml.StartElement:
			if len(open) > 0 {
				open[len(open)-1] = true
			}
			indent()
			b.WriteString("<" + x.Name.Local)
			for _, a := range attributes(x, spaces[len(spaces)-1]) {
				b.WriteString(" " + a)
			}
			b.WriteString(">")
			open, spaces = append(open, false), append(spaces, x.Name.Space)
		case xml.EndElement:
			held := open[len(open)-1]
			open, spaces = open[:len(open)-1], spaces[:len(spaces)-1]
			if held {
				indent()
			}
			b.WriteString("</" + x.Name.Local + ">")
		case xml.CharData:
			if strings.TrimSpace(string(x)) != "" {
				xml.EscapeText(&b, x)
			}
		}
	}
}

func attributes(e xml.StartElement, around string) []string {
	var out []string
	if e.Name.Space != around {
		out = append(out, "xmlns='"+e.Name.Space+"'")
	}
	for _, a := range e.Attr {
		if a.Name.Local == "xmlns" || a.Name.Space == "xmlns" {
			continue
		}
		name := a.Name.Local
		if a.Name.Space != "" {
			name = "xml:" + name
		}
		out = append(out, name+"='"+a.Value+"'")
	}
	slices.Sort(out)
	return out
}

var masks = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`sessionid='[A-Z2-7]{26}'`), "sessionid='RANDOM'"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`), "TIME"},
	{regexp.MustCompile(`\b\d+ ms\b`), "N ms"},
	{regexp.MustCompile(`((?:\[ms\]|last \w+|Last \w+ packets)'>\n *<value>)[0-9.]+`), "${1}N"},
}

func masked(text string) string {
	for _, m := range masks {
		text = m.what.ReplaceAllString(text, m.with)
	}
	return text
}
