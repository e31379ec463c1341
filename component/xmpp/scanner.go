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

// span is a part of a token: no pointer, so that noting one costs the garbage
// collector nothing.
type span struct{ from, to uint32 }

// attribute is one attribute as it is written; its value still has its
// references.
type attribute struct {
	name, value span
	prefixed    bool // the name has a colon
}

// token is one piece of the input. It and its parts are valid until the next one
// is read.
type token struct {
	kind    kind
	raw     []byte
	content span        // a tag's name with its prefix; a text without mark-up
	colon   int         // of a start tag's name; 0: none
	attrs   []attribute // of a start tag
	colons  bool        // a name in a start tag has a prefix
	large   bool        // a start tag beyond the limits: some attributes are missing
	cdata   bool
}

func (t *token) part(s span) []byte { return t.raw[s.from:s.to] }

// name is that of a tag, with its prefix.
func (t *token) name() []byte { return t.part(t.content) }

// data is a text or what a CDATA section holds.
func (t *token) data() []byte { return t.part(t.content) }

// set makes the token one of a kind.
func (t *token) set(k kind, raw []byte, from, to int) {
	t.kind, t.raw, t.content = k, raw, span{uint32(from), uint32(to)}
}

// scanner cuts XML as XMPP restricts it (RFC 6120 section 11) into tokens and
// refuses what is ill-formed. It accepts what encoding/xml does, but for what is
// listed at the tests: undeclared prefixes, comments and the like.
type scanner struct {
	in    io.Reader
	buf   []byte
	pos   int   // of the next token in buf
	tok   token // the last one
	begun bool  // something but white space was read
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

// next returns the next token. The end tag that fits has a name, if any does.
func (s *scanner) next(fits []byte) (*token, error) {
	for {
		if s.pos < len(s.buf) {
			n, err := s.token(s.buf[s.pos:], fits)
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
func (s *scanner) token(b, fits []byte) (int, error) {
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
		return s.end(b, fits)
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
	s.tok.cdata = false
	s.tok.set(text, b[:n], 0, n)
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
	s.tok.cdata = true
	s.tok.set(text, b[:n], mark, mark+end)
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
	s.tok.cdata = false
	s.tok.set(text, nil, 0, 0)
	return n + len("?>"), nil
}

// end takes an end tag.
func (s *scanner) end(b, fits []byte) (int, error) {
	if n := len(fits) + 2; n > 2 && len(b) > n && b[n] == '>' && string(b[2:n]) == string(fits) {
		s.tok.set(endTag, b[:n+1], 2, n)
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
	s.tok.set(endTag, b[:rest+1], 2, n)
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
	t := &s.tok
	t.set(startTag, b, 1, i)
	t.attrs, t.colon = t.attrs[:0], colon
	t.colons, t.large = colon > 0, s.shortened
	for {
		gap := i
		for i < len(b) && space(b[i]) {
			i++
		}
		switch {
		case i == len(b), b[i] == '/' && i+1 == len(b):
			return 0, nil
		case b[i] == '/' && b[i+1] == '>':
			t.kind = emptyTag
			i++
			fallthrough
		case b[i] == '>':
			s.begun, s.shortened = true, false
			return i + 1, nil
		case i == gap:
			return 0, malformed(errors.New("no space in front of an attribute"))
		}
		a, n, err := cutAttribute(b, i)
		if n == 0 || err != nil {
			return 0, err
		}
		i = n
		if err := s.add(a); err != nil {
			return 0, err
		}
	}
}

// cutAttribute takes name='value' from b at a place and returns where it ends; 0
// when it does not lie whole in b.
func cutAttribute(b []byte, at int) (a attribute, end int, err error) {
	n, colon := name(b[at:])
	i := at + n
	a.name, a.prefixed = span{uint32(at), uint32(i)}, colon > 0
	if colon != badName && i+1 < len(b) && b[i] == '=' && (b[i+1] == '\'' || b[i+1] == '"') {
		return cutValue(b, a, i+1)
	}
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
	return cutValue(b, a, i)
}

// cutValue takes an attribute's value, whose quote is at a place.
func cutValue(b []byte, a attribute, quote int) (_ attribute, end int, err error) {
	i := quote + 1
	n := bytes.IndexByte(b[i:], b[quote])
	if n < 0 {
		return a, 0, nil
	}
	if plainLength(b[i:i+n]) < n && !validText(b[i:i+n], true) {
		return a, 0, malformed(errors.New("bad attribute value"))
	}
	a.value = span{uint32(i), uint32(i + n)}
	return a, i + n + 1, nil
}
