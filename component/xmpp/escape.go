package xmpp

import "unicode/utf8"

// appendAttr appends one attribute, its value escaped.
func appendAttr(b []byte, name, value string) []byte {
	b = append(b, ' ')
	b = append(b, name...)
	b = append(b, '=', '\'')
	b = AppendText(b, value)
	return append(b, '\'')
}

// AppendText appends s escaped for character data and attribute values.
// Characters that XML 1.0 cannot carry, and bytes that are no UTF-8, become
// U+FFFD. White space other than a blank is written as a reference, so that
// attribute normalisation keeps it.
func AppendText(b []byte, s string) []byte {
	last := 0
	for i := 0; i < len(s); {
		width := 1
		var esc string
		switch c := s[i]; {
		case c == '&':
			esc = "&amp;"
		case c == '<':
			esc = "&lt;"
		case c == '>':
			esc = "&gt;"
		case c == '\'':
			esc = "&apos;"
		case c == '"':
			esc = "&quot;"
		case c == '\t':
			esc = "&#9;"
		case c == '\n':
			esc = "&#10;"
		case c == '\r':
			esc = "&#13;"
		case c < 0x20:
			esc = "\uFFFD"
		case c < utf8.RuneSelf:
		default:
			var r rune
			r, width = utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && width == 1 || r == 0xFFFE || r == 0xFFFF {
				esc = "\uFFFD"
			}
		}
		if esc != "" {
			b = append(b, s[last:i]...)
			b = append(b, esc...)
			last = i + width
		}
		i += width
	}
	return append(b, s[last:]...)
}
