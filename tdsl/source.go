package tdsl

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	// MaxSize is the size of a file in bytes from which on it is refused.
	MaxSize = 4 << 20
	// MaxDepth is how deep blocks, lists and parentheses may be nested.
	MaxDepth = 256
)

// readSource reads a whole file as text. Malformed UTF-8 becomes U+FFFD, as in
// Java: one for each sequence that is cut short, not one for each byte.
func readSource(name string, src io.Reader) (string, error) {
	raw, err := io.ReadAll(io.LimitReader(src, MaxSize+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	if len(raw) > MaxSize {
		return "", Errors{{Pos: Pos{name, 1, 1}, Msg: fmt.Sprintf("the file is larger than %d MiB", MaxSize>>20), failure: failure{kind: kindLimit}}}
	}
	if utf8.Valid(raw) {
		return string(raw), nil
	}
	var b strings.Builder
	for len(raw) > 0 {
		r, n := utf8.DecodeRune(raw)
		if r == utf8.RuneError && n == 1 {
			n = malformed(raw)
		}
		b.WriteRune(r)
		raw = raw[n:]
	}
	return b.String(), nil
}

// malformed returns the length of the malformed sequence that b starts with: as
// many bytes as could begin a character (Unicode section 3.9, maximal subpart);
// half of a surrogate pair, which Java takes whole, is one as well.
func malformed(b []byte) int {
	low, high, more := byte(0x80), byte(0xBF), 0
	switch c := b[0]; {
	case c >= 0xC2 && c <= 0xDF:
		more = 1
	case c >= 0xE0 && c <= 0xEF:
		more = 2
		if c == 0xE0 {
			low = 0xA0
		}
	case c >= 0xF0 && c <= 0xF4:
		more = 3
		if c == 0xF0 {
			low = 0x90
		} else if c == 0xF4 {
			high = 0x8F
		}
	}
	n := 1
	for n <= more && n < len(b) && b[n] >= low && b[n] <= high {
		low, high = 0x80, 0xBF
		n++
	}
	return n
}

// trim removes white space as Java's String.trim does: everything up to U+0020,
// and nothing else that Unicode calls white space.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
}
