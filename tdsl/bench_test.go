package tdsl

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkLoad reads a file of a real server's size, a generated one of 1 MB,
// and files that invite quadratic work. ns/byte is to be the same for all.
func BenchmarkLoad(b *testing.B) {
	full, err := os.ReadFile(filepath.Join("testdata", "corpus", "server-full.tdsl"))
	if err != nil {
		b.Fatal(err)
	}
	var generated strings.Builder
	for i := 0; generated.Len() < 1<<20; i++ {
		fmt.Fprintf(&generated, "'bean-%d' (class: a.b.C) {\n    x = 'text %d'\n    y = [ 1, 2L, 'three' ]\n    z = env('HOME') + '/%d'\n}\n", i, i, i)
	}
	for _, tc := range []struct{ name, text string }{
		{"5KB", strings.Repeat(string(full), 1+5000/len(full))},
		{"1MB", generated.String()},
		{"1MB-one-line", strings.Repeat("a = 1, ", 1<<20/7)},
		{"1MB-word", strings.Repeat("a-", 1<<19)},
		{"1MB-list", "a = [ " + strings.Repeat("1, ", 1<<20/3) + "]\n"},
		{"1MB-sum", "a = 1" + strings.Repeat(" + 1", 1<<18) + "\n"},
		{"1MB-keys", manyKeys(1 << 20)},
		{"1MB-quotes", strings.Repeat("'x' ", 1<<18) + "\n"},
	} {
		b.Run(tc.name, func(b *testing.B) {
			b.SetBytes(int64(len(tc.text)))
			for b.Loop() {
				if _, err := Load("b", strings.NewReader(tc.text)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func manyKeys(size int) string {
	var s strings.Builder
	for i := 0; s.Len() < size; i++ {
		fmt.Fprintf(&s, "k%d = 1\n", i)
	}
	return s.String()
}
