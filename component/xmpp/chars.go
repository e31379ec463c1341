package xmpp

import (
	"bytes"
	"encoding/xml"
	"strconv"
	"unicode/utf8"
)

// nameLength is how far a name goes.
func nameLength(b []byte) int {
	for i, c := range b {
		if space(c) || c == '=' || c == '/' || c == '>' || c == '<' || c == '\'' || c == '"' {
			return i
		}
	}
	return len(b)
}

// validName checks a name (XML section 2.3) with at most one prefix. Names
// outside ASCII are rare: encoding/xml knows their rules.
func validName(b []byte) bool {
	colons := 0
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_':
		case c == ':' && i > 0 && i < len(b)-1:
			colons++
		case (c >= '0' && c <= '9' || c == '-' || c == '.') && i > 0 && b[i-1] != ':':
		case c >= utf8.RuneSelf:
			_, err := xml.NewDecoder(bytes.NewReader(bytes.Join([][]byte{[]byte("<"), b, []byte("/>")}, nil))).Token()
			return err == nil && bytes.Count(b, []byte(":")) <= 1
		default:
			return false
		}
	}
	return len(b) > 0 && colons <= 1
}

// validText checks characters and references of a text, and that it does not
// hold the end of a CDATA section.
func validText(b []byte) bool {
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == '&':
			_, n := reference(b[i:])
			if n == 0 {
				return false
			}
			i += n
		case c == ']' && bytes.HasPrefix(b[i:], cdataEnd):
			return false
		case c >= 0x20 && c < utf8.RuneSelf || c == '\t' || c == '\n' || c == '\r':
			i++
		default:
			n := charLength(b[i:])
			if n == 0 {
				return false
			}
			i += n
		}
	}
	return true
}

// validChars checks the characters of a CDATA section.
func validChars(b []byte) bool {
	for i := 0; i < len(b); {
		n := charLength(b[i:])
		if n == 0 {
			return false
		}
		i += n
	}
	return true
}

// charLength is the length of the character that b begins with; 0 when XML
// cannot hold it (section 2.2).
func charLength(b []byte) int {
	r, n := utf8.DecodeRune(b)
	if r == utf8.RuneError && n <= 1 || !validRune(r) {
		return 0
	}
	return n
}

func validRune(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= utf8.MaxRune
}

// reference reads the character reference or entity that b begins with; its
// length is 0 for one that is not known.
func reference(b []byte) (rune, int) {
	end := bytes.IndexByte(b[:min(len(b), 12)], ';')
	if end < 2 {
		return 0, 0
	}
	switch name := b[1:end]; string(name) {
	case "amp":
		return '&', end + 1
	case "lt":
		return '<', end + 1
	case "gt":
		return '>', end + 1
	case "apos":
		return '\'', end + 1
	case "quot":
		return '"', end + 1
	default:
		if name[0] != '#' || len(name) < 2 {
			return 0, 0
		}
		digits, base := name[1:], 10
		if digits[0] == 'x' {
			digits, base = digits[1:], 16
		}
		n, err := strconv.ParseUint(string(digits), base, 32)
		if err != nil || n > utf8.MaxRune || !validRune(rune(n)) {
			return 0, 0
		}
		return rune(n), end + 1
	}
}

// attributeText is an attribute's value without its references, and with white
// space made even (XML section 3.3.3).
func attributeText(b []byte) string {
	if bytes.IndexByte(b, '&') < 0 && !bytes.ContainsAny(b, "\t\r\n") {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == '&':
			r, n := reference(b[i:])
			out = utf8.AppendRune(out, r)
			i += n
		case c == '\r' && i+1 < len(b) && b[i+1] == '\n':
			i++ // the two are one line end
		case c == '\t' || c == '\r' || c == '\n':
			out = append(out, ' ')
			i++
		default:
			out = append(out, c)
			i++
		}
	}
	return string(out)
}

// plainText is a text without its references, and with line ends as \n.
func plainText(b []byte) string {
	if bytes.IndexByte(b, '&') < 0 && bytes.IndexByte(b, '\r') < 0 {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == '&':
			r, n := reference(b[i:])
			out = utf8.AppendRune(out, r)
			i += n
		case c == '\r':
			if i+1 == len(b) || b[i+1] != '\n' {
				out = append(out, '\n')
			}
			i++
		default:
			out = append(out, c)
			i++
		}
	}
	return string(out)
}
