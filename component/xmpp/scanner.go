package xmpp

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"mellium.im/xmpp/stream"
)

// kind is what a token is.
type kind uint8

const (
	startTag kind = iota
	emptyTag      // a start tag that is its own end
	endTag
	text
)

// attribute is one attribute as it is written; its value still has its
// references.
type attribute struct{ name, value []byte }

// token is one piece of the input. Its slices are valid until the next one.
type token struct {
	kind  kind
	name  []byte      // of a tag, with its prefix
	attrs []attribute // of a start tag
	data  []byte      // of a text, or of a CDATA section
	cdata bool
	raw   []byte // all of it
}

// scanner cuts XML as XMPP restricts it (RFC 6120 section 11) into tokens and
// refuses what is ill-formed. It accepts what encoding/xml does, but for what is
// listed at the tests: undeclared prefixes, comments and the like.
type scanner struct {
	in    io.Reader
	buf   []byte
	pos   int // of the next token in buf
	attrs []attribute
	begun bool // something but white space was read
	// outside means that no stanza is open, where text other than white space
	// is refused without waiting for its end.
	outside bool
}

const (
	readSize = 4 << 10
	// maxTag is the size of a tag from which on it is refused.
	maxTag = MaxStanza
	// maxAttributes is the number of attributes of a tag from which on it is
	// refused.
	maxAttributes = 64
)

// next returns the next token.
func (s *scanner) next() (token, error) {
	for {
		n, err := s.length()
		if err != nil {
			return token{}, err
		}
		if n > 0 {
			raw := s.buf[s.pos : s.pos+n]
			s.pos += n
			return s.parse(raw)
		}
		if len(s.buf)-s.pos > maxTag {
			return token{}, stream.PolicyViolation
		}
		if err := s.fill(); err != nil {
			if errors.Is(err, io.EOF) && s.pos < len(s.buf) {
				err = io.ErrUnexpectedEOF
			}
			return token{}, err
		}
	}
}

// fill reads more behind what is there.
func (s *scanner) fill() error {
	n := len(s.buf)
	if cap(s.buf)-n < readSize {
		grown := make([]byte, n, 2*cap(s.buf)+readSize)
		copy(grown, s.buf)
		s.buf = grown
	}
	for range 100 {
		m, err := s.in.Read(s.buf[n : n+readSize])
		s.buf = s.buf[:n+m]
		if m > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// release forgets what was read so far. What is left of a reading moves to the
// front; a buffer that a large stanza grew is given back.
func (s *scanner) release() {
	rest := s.buf[s.pos:]
	if cap(s.buf) > 16*readSize && len(rest) < readSize {
		s.buf = make([]byte, 0, readSize)
	}
	s.buf = append(s.buf[:0], rest...)
	s.pos = 0
}

var (
	cdataStart = []byte("<![CDATA[")
	cdataEnd   = []byte("]]>")
)

// length is that of the token at pos; 0 when it does not lie whole in buf.
func (s *scanner) length() (int, error) {
	b := s.buf[s.pos:]
	if len(b) == 0 {
		return 0, nil
	}
	if b[0] != '<' {
		if n := bytes.IndexByte(b, '<'); n > 0 {
			return n, nil
		}
		return s.textLength(b), nil
	}
	if len(b) == 1 {
		return 0, nil
	}
	switch b[1] {
	case '!':
		if n := min(len(b), len(cdataStart)); !bytes.Equal(b[:n], cdataStart[:n]) {
			return 0, stream.RestrictedXML // a comment or a document type
		}
		if n := bytes.Index(b, cdataEnd); n > 0 {
			return n + len(cdataEnd), nil
		}
		return 0, nil
	case '?':
		if s.begun {
			return 0, stream.RestrictedXML
		}
		if n := bytes.Index(b, []byte("?>")); n > 0 {
			return n + 2, nil
		}
		return 0, nil
	}
	return tagLength(b), nil
}

// textLength is how much of a text without its end can be taken: all of what
// stands between stanzas, so that keep-alives do not gather; and of a text that
// is longer than a stanza may be, all but what would be cut in the middle.
func (s *scanner) textLength(b []byte) int {
	if s.outside || blank(b) {
		return len(b)
	}
	if len(b) < MaxStanza {
		return 0
	}
	for n := len(b) - 1; n > len(b)/2; n-- {
		whole := b[n] == '&' || bytes.IndexByte(b[n-12:n], '&') < 0 // no reference is longer
		if whole && utf8.RuneStart(b[n]) && b[n-1] != ']' && b[n-1] != '\r' {
			return n
		}
	}
	return 0
}

// tagLength finds the end of a tag; a > in quotes is none.
func tagLength(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch c := b[i]; c {
		case '>':
			return i + 1
		case '\'', '"':
			n := bytes.IndexByte(b[i+1:], c)
			if n < 0 {
				return 0
			}
			i += n + 1
		}
	}
	return 0
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

// parse makes a token of its bytes.
func (s *scanner) parse(raw []byte) (token, error) {
	t := token{raw: raw, kind: text, data: raw}
	switch {
	case raw[0] != '<':
		if !validText(raw) {
			return t, malformed(errors.New("bad text"))
		}
		s.begun = s.begun || !blank(raw)
		return t, nil
	case raw[1] == '!':
		t.data, t.cdata = raw[len(cdataStart):len(raw)-len(cdataEnd)], true
		if !validChars(t.data) {
			return t, malformed(errors.New("bad character"))
		}
		return t, nil
	case raw[1] == '?':
		s.begun = true // one declaration, at the very beginning
		if !bytes.HasPrefix(raw, []byte("<?xml ")) {
			return t, stream.RestrictedXML
		}
		t.data = nil
		return t, nil
	}
	s.begun = true
	if raw[1] == '/' {
		t.kind = endTag
		t.name = bytes.TrimRight(raw[2:len(raw)-1], " \t\r\n")
		if !validName(t.name) {
			return t, malformed(errors.New("bad end tag"))
		}
		return t, nil
	}
	return s.parseStart(t)
}

// parseStart takes a start tag apart.
func (s *scanner) parseStart(t token) (token, error) {
	b := t.raw[1 : len(t.raw)-1]
	t.kind = startTag
	if n := len(b); n > 0 && b[n-1] == '/' {
		t.kind, b = emptyTag, b[:n-1]
	}
	n := nameLength(b)
	t.name, b = b[:n], b[n:]
	if !validName(t.name) {
		return t, malformed(errors.New("bad tag"))
	}
	s.attrs = s.attrs[:0]
	for {
		rest := bytes.TrimLeft(b, " \t\r\n")
		if len(rest) == 0 {
			break
		}
		if len(rest) == len(b) {
			return t, malformed(errors.New("no space in front of an attribute"))
		}
		var a attribute
		var ok bool
		if a, b, ok = cutAttribute(rest); !ok {
			return t, malformed(errors.New("bad attribute"))
		}
		for i := range s.attrs {
			if bytes.Equal(s.attrs[i].name, a.name) {
				return t, malformed(errors.New("an attribute is given twice"))
			}
		}
		if len(s.attrs) == maxAttributes {
			return t, stream.PolicyViolation
		}
		s.attrs = append(s.attrs, a)
	}
	t.attrs = s.attrs
	return t, nil
}

// cutAttribute takes name='value' from the front of b.
func cutAttribute(b []byte) (a attribute, rest []byte, ok bool) {
	n := nameLength(b)
	a.name, b = b[:n], bytes.TrimLeft(b[n:], " \t\r\n")
	if !validName(a.name) || len(b) == 0 || b[0] != '=' {
		return a, nil, false
	}
	b = bytes.TrimLeft(b[1:], " \t\r\n")
	if len(b) == 0 || b[0] != '\'' && b[0] != '"' {
		return a, nil, false
	}
	n = bytes.IndexByte(b[1:], b[0])
	if n < 0 {
		return a, nil, false
	}
	a.value = b[1 : 1+n]
	if bytes.IndexByte(a.value, '<') >= 0 || !validText(a.value) {
		return a, nil, false
	}
	return a, b[n+2:], true
}
