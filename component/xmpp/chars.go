package xmpp

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"strconv"
	"unicode/utf8"
)

// badName is a name's colon when the name is none.
const badName = -1

// name returns how far the name goes that b begins with (XML section 2.3), and
// where its colon is: 0 without one, [badName] when it is not a name with at
// most one prefix.
func name(b []byte) (length, colon int) {
	n := 0
	for n < len(b) && nameBytes[b[n]] {
		n++
	}
	if n > 0 && b[0] >= 'A' && (n == len(b) || b[n] != ':' && b[n] < utf8.RuneSelf) {
		return n, 0
	}
	return rareName(b)
}

// rareName is name for all kinds of names.
func rareName(b []byte) (length, colon int) {
	ascii, begins := true, true // begins: the next character begins a name
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_':
			begins = false
		case c >= '0' && c <= '9', c == '-', c == '.':
			if begins {
				colon = badName
			}
		case c == ':':
			if begins || colon != 0 {
				colon, begins = badName, false
				continue
			}
			colon, begins = i, true
		case c >= utf8.RuneSelf:
			ascii, begins = false, false
		default:
			return i, checked(b[:i], colon, begins, ascii)
		}
	}
	return len(b), checked(b, colon, begins, ascii)
}

// checked returns a name's colon if the name is good. Names outside ASCII are
// rare: encoding/xml knows their rules.
func checked(b []byte, colon int, begins, ascii bool) int {
	if begins {
		return badName
	}
	if ascii || colon == badName {
		return colon
	}
	if _, err := xml.NewDecoder(bytes.NewReader(bytes.Join([][]byte{[]byte("<"), b, []byte("/>")}, nil))).Token(); err != nil {
		return badName
	}
	return colon
}

// validText checks the characters and references of a text, and that it does
// not hold the end of a CDATA section; or those of an attribute's value, and
// that it does not hold a <.
func validText(b []byte, attribute bool) bool {
	for i := 0; ; {
		if i += plainLength(b[i:]); i == len(b) {
			return true
		}
		switch c := b[i]; {
		case c == '&':
			_, n := reference(b[i:])
			if n == 0 {
				return false
			}
			i += n
		case c == ']':
			if !attribute && bytes.HasPrefix(b[i:], cdataEnd) {
				return false
			}
			i++
		case c == '<':
			return false
		default:
			n := charLength(b[i:])
			if n == 0 {
				return false
			}
			i += n
		}
	}
}

const (
	ones  = 0x0101010101010101 // a one in each of eight bytes
	highs = 0x8080808080808080
)

// plainLength is how many bytes b begins with that need no second look: ASCII,
// neither control characters nor &, < or ]. It looks at eight at a time.
func plainLength(b []byte) (n int) {
	for ; len(b)-n >= 8; n += 8 {
		x := binary.LittleEndian.Uint64(b[n:])
		// Below 0x20 or above 0x7F; and what is zero less a reference, a tag or a section.
		special := (x - 0x20*ones) | x | (x ^ '&'*ones - ones) | (x ^ '<'*ones - ones) | (x ^ ']'*ones - ones)
		if special&highs != 0 {
			break
		}
	}
	for ; n < len(b); n++ {
		if !plainBytes[b[n]] {
			break
		}
	}
	return n
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
	if plainLength(b) == len(b) {
		return string(b)
	}
	return string(appendAttributeText(make([]byte, 0, len(b)), b))
}

func appendAttributeText(out, b []byte) []byte {
	if plainLength(b) == len(b) {
		return append(out, b...)
	}
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
	return out
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

func blank(b []byte) bool {
	for _, c := range b {
		if !space(c) {
			return false
		}
	}
	return true
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// Tables of bytes: those of a name in ASCII without its colon, and those of a
// text that need no second look.
var nameBytes, plainBytes = tables()

func tables() (names, plain [256]bool) {
	for c := range names {
		names[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_'
		plain[c] = c >= 0x20 && c < utf8.RuneSelf && c != '&' && c != '<' && c != ']'
	}
	return names, plain
}
