package tdsl

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// corpus is the folder with what Tigase's own reader gives for each file.
func corpus(t testing.TB) string {
	if dir := os.Getenv("TPUSH_TDSL_CORPUS"); dir != "" {
		return dir
	}
	return filepath.Join("testdata", "corpus")
}

// fixed are the variables that the corpus was calculated with.
var fixed = Env{
	Var:  lookup(map[string]string{"HOME": "/home/tester", "USER": "tester", "PUSH_PORT": "8443", "PUSH_SECRET": "s3cr,et", "TDSL_EMPTY": ""}),
	Prop: lookup(map[string]string{"tdsl.home": "/srv/tigase", "tdsl.port": "5270", "tdsl.empty": ""}),
}

func lookup(m map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := m[name]
		return v, ok
	}
}

// corpusFiles are the cases of the corpus, and those of our own in the same
// form: what comparing random files with Tigase's reader has found.
func corpusFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(corpus(t), "*.tdsl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s (%v)", corpus(t), err)
	}
	more, err := filepath.Glob(filepath.Join("testdata", "more", "*.tdsl"))
	if err != nil || len(more) == 0 {
		t.Fatalf("no cases of our own (%v)", err)
	}
	return append(files, more...)
}

func TestCorpus(t *testing.T) {
	for _, name := range corpusFiles(t) {
		base := strings.TrimSuffix(name, ".tdsl")
		t.Run(filepath.Base(base), func(t *testing.T) {
			src, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			f, err := Load(filepath.Base(name), src)
			want, readErr := os.ReadFile(base + ".json")
			if readErr == nil {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				got, err := f.JSON(fixed)
				if err != nil {
					t.Fatal(err)
				}
				same(t, got, want)
				return
			}
			if want, readErr = os.ReadFile(base + ".error"); readErr != nil {
				t.Fatal(readErr)
			}
			if err == nil {
				t.Fatalf("accepted; want %s", want)
			}
			got, ok := ErrorJSON(err)
			if !ok {
				t.Fatalf("no error of the reader: %v", err)
			}
			same(t, got, want)
		})
	}
}

// same compares JSON texts; numbers in text as numbers of their width.
func same(t *testing.T, got, want []byte) {
	t.Helper()
	var g, w any
	if err := errors.Join(json.Unmarshal(got, &g), json.Unmarshal(want, &w)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(normal(g), normal(w)) {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func normal(v any) any {
	switch x := v.(type) {
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = normal(x[i])
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, e := range x {
			if s, ok := e.(string); ok && (k == "$float" || k == "$double") {
				size := 64
				if k == "$float" {
					size = 32
				}
				f, _ := strconv.ParseFloat(s, size)
				e = strconv.FormatUint(math.Float64bits(f), 16)
			}
			if k == "message" && x["exception"] != nil && x["at"] == nil && e == nil {
				continue // in the corpus only where it carries information
			}
			out[k] = normal(e)
		}
		return out
	}
	return v
}

func TestWritten(t *testing.T) {
	compared := 0
	for _, name := range corpusFiles(t) {
		want, err := os.ReadFile(strings.TrimSuffix(name, ".tdsl") + ".written")
		if err != nil {
			continue // where Tigase's text depends on the Java runtime
		}
		compared++
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Load(name, strings.NewReader(string(src)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got strings.Builder
		if err := Format(&got, f); err != nil {
			t.Fatal(err)
		}
		if got.String() != string(want) {
			t.Errorf("%s:\n got %q\nwant %q", filepath.Base(name), got.String(), want)
		}
	}
	if compared == 0 && os.Getenv("TPUSH_TDSL_CORPUS") == "" {
		t.Error("nothing to compare with")
	}
}
