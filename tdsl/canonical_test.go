package tdsl

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"a=1":                      "a = 1\n",
		"a   =   'x'   # note  \n": "a = 'x'   # note\n",
		"# c\n\n\n\nb ()  {\n\tx=1\r\n  y = [\n 1,\n2\n]\n  }\n\n\n": "# c\n\nb ()  {\n    x = 1\n    y = [\n        1,\n        2\n    ]\n}\n",
		"a = 'two\n  lines'\n": "a = 'two\n  lines'\n",
		"a = env('X')+'y'\n":   "a = env('X')+'y'\n",
		"a = foo + bar  \n":    "a = foo + bar  \n", // the blanks belong to the operand
		"k:v\n":                "k:v\n",
		"a (class: x.Y,\n active: false) {\n b=1\n}\n": "a (class: x.Y,\n    active: false) {\n    b = 1\n}\n",
		"a = 1 + 2": "a = 1 + 2", // a line end would finish the calculation
	} {
		got, err := Canonical("t", in)
		if err != nil || got != want {
			t.Errorf("%q:\n got %q, %v\nwant %q", in, got, err, want)
		}
	}
	if _, err := Canonical("t", "a = read-only\n"); err == nil {
		t.Error("no error for what is no configuration")
	}
}

// canonicalKeeps checks what Canonical promises.
func canonicalKeeps(t *testing.T, text string) {
	t.Helper()
	before, err := meaning("t", text)
	if err != nil {
		return
	}
	once, err := Canonical("t", text)
	if err != nil {
		t.Fatal(err)
	}
	after, err := meaning("t", once)
	if err != nil || !bytes.Equal(before, after) {
		t.Fatalf("%q became %q, which means something else (%v)", text, once, err)
	}
	if twice, err := Canonical("t", once); err != nil || twice != once {
		t.Fatalf("%q became %q, then %q (%v)", text, once, twice, err)
	}
}

func TestCanonicalOfCorpus(t *testing.T) {
	for _, name := range corpusFiles(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		canonicalKeeps(t, strings.ToValidUTF8(string(text), "\uFFFD"))
	}
}

func FuzzCanonical(f *testing.F) {
	for _, text := range []string{"a = 1\n", "a = foo + bar  \n", "# c\na () {\n}\n", "a = 'x\ny'", "[\n  a + b\n]", "a=[1,\n2 ]\r\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { canonicalKeeps(t, strings.ToValidUTF8(text, "\uFFFD")) })
}
