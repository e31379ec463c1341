package xmpp

import (
	"bytes"
	"errors"
	"io"

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
type attribute struct {
	name, value []byte
	prefixed    bool // the name has a colon
}

// token is one piece of the input. It and its slices are valid until the next
// one is read.
type token struct {
	kind   kind
	name   []byte      // of a tag, with its prefix
	colon  int         // of a start tag's name; 0: none
	attrs  []attribute // of a start tag
	colons bool        // a name in a start tag has a prefix
	large  bool        // a start tag beyond the limits: some attributes are missing
	data   []byte      // of a text, or of a CDATA section
	cdata  bool
}

// scanner cuts XML as XMPP restricts it (RFC 6120 section 11) into tokens and
// refuses what is ill-formed. It accepts what encoding/xml does, but for what is
// listed at the tests: undeclared prefixes, comments and the like.
type scanner struct {
	in    io.Reader
	buf   []byte
	pos   int   // of the next token in buf
	tok   token // the last one
	attrs []attribute
	// expect is the name of the end tag that fits.
	expect []byte
	begun  bool // something but white space was read
	// section means that pos is inside a CDATA section too long for one token.
	section bool
	// shortened means that the tag at pos has lost attributes already.
	shortened bool
	// outside means that no stanza is open: nobody holds a part of buf, and text
	// other than white space is refused without waiting for its end.
	outside bool
}

const (
	readSize = 8 << 10
	// maxToken is how many bytes a token may have before what is not needed of
	// it is let go.
	maxToken = MaxStanza
)

// next returns the next token.
func (s *scanner) next() (*token, error) {
	for {
		if s.pos < len(s.buf) {
			n, err := s.token(s.buf[s.pos:])
			if err != nil {
				return nil, err
			}
			if n > 0 {
				s.pos += n
				return &s.tok, nil
			}
			if len(s.buf)-s.pos > maxToken+readSize {
				if err := s.shorten(); err != nil {
					return nil, err
				}
			}
		}
		if err := s.fill(); err != nil {
			if errors.Is(err, io.EOF) && s.pos < len(s.buf) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// fill reads more behind what is there.
func (s *scanner) fill() error {
	if s.outside {
		s.release()
	}
	n := len(s.buf)
	if cap(s.buf)-n < readSize/2 {
		grown := make([]byte, n, 2*cap(s.buf)+readSize)
		copy(grown, s.buf)
		s.buf = grown
	}
	for range 100 {
		m, err := s.in.Read(s.buf[n:min(cap(s.buf), n+readSize)])
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
	if cap(s.buf) > 8*readSize && len(rest) < readSize {
		s.buf = make([]byte, 0, readSize)
	}
	s.buf = append(s.buf[:0], rest...)
	s.pos = 0
}

var (
	cdataStart = []byte("<![CDATA[")
	cdataEnd   = []byte("]]>")
)

// token takes one token from the front of b and returns its length; 0 when it
// does not lie whole in b.
func (s *scanner) token(b []byte) (int, error) {
	switch {
	case s.section:
		return s.cdata(b, 0)
	case b[0] != '<':
		return s.text(b)
	case len(b) == 1:
		return 0, nil
	}
	switch b[1] {
	case '!':
		if n := min(len(b), len(cdataStart)); !bytes.Equal(b[:n], cdataStart[:n]) {
			return 0, stream.RestrictedXML // a comment or a document type
		}
		if len(b) < len(cdataStart) {
			return 0, nil
		}
		return s.cdata(b, len(cdataStart))
	case '?':
		return s.declaration(b)
	case '/':
		return s.end(b)
	}
	return s.start(b)
}

// text takes a text. What stands between stanzas is taken as far as it is there,
// so that keep-alives do not gather.
func (s *scanner) text(b []byte) (int, error) {
	n := bytes.IndexByte(b, '<')
	if n < 0 && (s.outside || blank(b)) {
		n = len(b)
	} else if n < 0 {
		if n = divide(b); n == 0 {
			return 0, nil
		}
	}
	if !validText(b[:n], false) {
		return 0, malformed(errors.New("bad text"))
	}
	s.begun = s.begun || !blank(b[:n])
	s.tok.kind, s.tok.data, s.tok.cdata = text, b[:n], false
	return n, nil
}

// cdata takes a CDATA section that begins with so many bytes of mark-up, or what
// is there of one that is longer than a stanza may be.
func (s *scanner) cdata(b []byte, mark int) (int, error) {
	end := bytes.Index(b[mark:], cdataEnd)
	n := mark + end + len(cdataEnd)
	if s.section = end < 0; s.section {
		if end = divide(b[mark:]); end == 0 {
			s.section = mark == 0
			return 0, nil
		}
		n = mark + end
	}
	if !validChars(b[mark : mark+end]) {
		return 0, malformed(errors.New("bad character"))
	}
	s.tok.kind, s.tok.data, s.tok.cdata = text, b[mark:mark+end], true
	return n, nil
}

// declaration passes over the XML declaration, which may stand at the very
// beginning; it counts as white space.
func (s *scanner) declaration(b []byte) (int, error) {
	if s.begun {
		return 0, stream.RestrictedXML
	}
	n := bytes.Index(b, []byte("?>"))
	if n < 0 {
		return 0, nil
	}
	s.begun = true
	if len(b) < 6 || string(b[:5]) != "<?xml" || !space(b[5]) {
		return 0, stream.RestrictedXML
	}
	s.tok.kind, s.tok.data, s.tok.cdata = text, nil, false
	return n + len("?>"), nil
}

// end takes an end tag.
func (s *scanner) end(b []byte) (int, error) {
	if n := len(s.expect) + 2; n > 2 && len(b) > n && b[n] == '>' && string(b[2:n]) == string(s.expect) {
		s.tok.kind, s.tok.name = endTag, b[2:n]
		return n + 1, nil
	}
	n, colon := name(b[2:])
	n += 2
	rest := n
	for rest < len(b) && space(b[rest]) {
		rest++
	}
	if rest == len(b) {
		return 0, nil
	}
	if colon == badName || b[rest] != '>' {
		return 0, malformed(errors.New("bad end tag"))
	}
	s.begun = true
	s.tok.kind, s.tok.name = endTag, b[2:n]
	return rest + 1, nil
}

// start takes a start tag.
func (s *scanner) start(b []byte) (int, error) {
	n, colon := name(b[1:])
	i := n + 1
	if i == len(b) {
		return 0, nil
	}
	if colon == badName {
		return 0, malformed(errors.New("bad tag"))
	}
	s.tok.kind, s.tok.name, s.tok.colon, s.tok.attrs = startTag, b[1:i], colon, s.attrs[:0]
	s.tok.colons, s.tok.large = colon > 0, s.shortened
	for {
		gap := i
		for i < len(b) && space(b[i]) {
			i++
		}
		switch {
		case i == len(b), b[i] == '/' && i+1 == len(b):
			return 0, nil
		case b[i] == '/' && b[i+1] == '>':
			s.tok.kind = emptyTag
			i++
			fallthrough
		case b[i] == '>':
			s.begun, s.shortened = true, false
			return i + 1, nil
		case i == gap:
			return 0, malformed(errors.New("no space in front of an attribute"))
		}
		a, n, err := cutAttribute(b[i:])
		if n == 0 || err != nil {
			return 0, err
		}
		i += n
		if err := s.add(a); err != nil {
			return 0, err
		}
	}
}

// cutAttribute takes name='value' from the front of b and returns its length; 0
// when it does not lie whole in b.
func cutAttribute(b []byte) (a attribute, length int, err error) {
	n, colon := name(b)
	if n == len(b) {
		return a, 0, nil
	}
	a.name, a.prefixed = b[:n], colon > 0
	i := n
	for i < len(b) && space(b[i]) {
		i++
	}
	if i == len(b) {
		return a, 0, nil
	}
	if colon == badName || b[i] != '=' {
		return a, 0, malformed(errors.New("bad attribute"))
	}
	for i++; i < len(b) && space(b[i]); i++ {
	}
	if i == len(b) {
		return a, 0, nil
	}
	if b[i] != '\'' && b[i] != '"' {
		return a, 0, malformed(errors.New("an attribute's value without quotes"))
	}
	n = bytes.IndexByte(b[i+1:], b[i])
	if n < 0 {
		return a, 0, nil
	}
	a.value = b[i+1 : i+1+n]
	if !validText(a.value, true) {
		return a, 0, malformed(errors.New("bad attribute value"))
	}
	return a, i + n + 2, nil
}
