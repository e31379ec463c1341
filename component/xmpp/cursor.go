package xmpp

import "bytes"

// Cursor walks over the elements of a payload that came from a stream. What was
// scanned there is well-formed, so that this only looks for what is asked, and
// allocates nothing but the texts it returns. It walks like this:
//
//	for c := q.Walk(); c.Next(0); {  // the payload's root
//		for c.Next(1) {          // its children
//			if c.Is(ns, "a") { … }
//		}
//	}
type Cursor struct {
	rest  []byte // behind the element's start tag
	name  []byte
	attrs []byte // of the start tag, with white space around
	empty bool   // the tag is its own end
	depth int    // of the element; 0 before the root

	scopes [8]scope
	more   []scope // beyond the eight
	inside int     // scopes in use
}

// scope is one namespace declaration as it is written.
type scope struct {
	prefix, uri []byte
	depth       int
}

// Walk returns a cursor in front of the payload of a request from a stream.
func (q *IQ) Walk() Cursor { return Cursor{rest: q.Payload} }

// Next moves to the next element at depth+1, whose parent is at depth; false
// when the parent has ended. What is deeper is passed over.
func (c *Cursor) Next(depth int) bool {
	for {
		if c.empty {
			c.leave()
		}
		if c.depth < depth {
			return false
		}
		n := bytes.IndexByte(c.rest, '<')
		if n < 0 || n+1 >= len(c.rest) {
			return false
		}
		c.rest = c.rest[n:]
		switch c.rest[1] {
		case '!':
			c.rest = behind(c.rest, cdataEnd)
		case '/':
			c.rest = behind(c.rest, []byte(">"))
			c.leave()
		default:
			c.enter()
			if c.depth == depth+1 {
				return true
			}
		}
	}
}

// behind returns what comes behind a mark; nothing when that does not occur.
func behind(b, mark []byte) []byte {
	if n := bytes.Index(b, mark); n >= 0 {
		return b[n+len(mark):]
	}
	return nil
}

// enter takes the start tag that the rest begins with.
func (c *Cursor) enter() {
	c.depth++
	n := 1
	for n < len(c.rest) && !space(c.rest[n]) && c.rest[n] != '/' && c.rest[n] != '>' {
		n++
	}
	c.name, c.rest = c.rest[1:n], c.rest[n:]
	attrs := c.rest
	for {
		name, value, rest := nextAttribute(c.rest)
		if name == nil {
			break
		}
		if prefix, ok := declared(name); ok {
			c.declare(scope{prefix, value, c.depth})
		}
		c.rest = rest
	}
	c.attrs = attrs[:len(attrs)-len(c.rest)]
	end := bytes.IndexByte(c.rest, '>')
	c.empty = end > 0 && c.rest[end-1] == '/'
	c.rest = c.rest[end+1:]
}

// nextAttribute takes the attribute that comes next in a start tag; no name at
// the tag's end.
func nextAttribute(b []byte) (name, value, rest []byte) {
	i := 0
	for i < len(b) && space(b[i]) {
		i++
	}
	equals := i
	for equals < len(b) && b[equals] != '=' {
		if b[equals] == '/' || b[equals] == '>' {
			return nil, nil, nil
		}
		equals++
	}
	quote := equals + 1
	for quote < len(b) && space(b[quote]) {
		quote++
	}
	if quote >= len(b) {
		return nil, nil, nil
	}
	n := bytes.IndexByte(b[quote+1:], b[quote])
	if n < 0 {
		return nil, nil, nil
	}
	return bytes.TrimRight(b[i:equals], " \t\r\n"), b[quote+1 : quote+1+n], b[quote+n+2:]
}

func (c *Cursor) leave() {
	c.empty = false
	for c.inside > 0 && c.scope(c.inside-1).depth >= c.depth {
		if c.inside--; c.inside >= len(c.scopes) {
			c.more = c.more[:c.inside-len(c.scopes)]
		}
	}
	c.depth--
}

func (c *Cursor) declare(s scope) {
	if c.inside < len(c.scopes) {
		c.scopes[c.inside] = s
	} else {
		c.more = append(c.more, s)
	}
	c.inside++
}

func (c *Cursor) scope(i int) *scope {
	if i < len(c.scopes) {
		return &c.scopes[i]
	}
	return &c.more[i-len(c.scopes)]
}

// Is reports whether the element has a name; an empty space stands for any
// namespace.
func (c *Cursor) Is(space, local string) bool {
	prefix, name := []byte(nil), c.name
	if n := bytes.IndexByte(name, ':'); n >= 0 {
		prefix, name = name[:n], name[n+1:]
	}
	if string(name) != local {
		return false
	}
	if space == "" {
		return true
	}
	for i := c.inside - 1; i >= 0; i-- {
		if s := c.scope(i); bytes.Equal(s.prefix, prefix) {
			return sameText(s.uri, space)
		}
	}
	return false
}

// sameText reports whether a value as it is written means a text.
func sameText(raw []byte, want string) bool {
	return string(raw) == want || plainLength(raw) < len(raw) && attributeText(raw) == want
}

// attr returns the value of an attribute as it is written.
func (c *Cursor) attr(name string) (value []byte, ok bool) {
	for rest := c.attrs; ; {
		var n, v []byte
		if n, v, rest = nextAttribute(rest); n == nil {
			return nil, false
		}
		if string(n) == name {
			return v, true
		}
	}
}

// Attr returns the value of an attribute without a namespace; empty when it is
// not there.
func (c *Cursor) Attr(name string) string {
	value, _ := c.attr(name)
	return attributeText(value)
}

// Has reports whether an attribute is there and has a value.
func (c *Cursor) Has(name, value string) bool {
	raw, ok := c.attr(name)
	return ok && sameText(raw, value)
}

// Text returns the character data of the element, without that of its children.
// The cursor stays.
func (c *Cursor) Text() string {
	if c.empty {
		return ""
	}
	if n := bytes.IndexByte(c.rest, '<'); n >= 0 && n+1 < len(c.rest) && c.rest[n+1] == '/' {
		return plainText(c.rest[:n])
	}
	var all []byte
	inner := Cursor{rest: c.rest}
	for inner.depth >= 0 && len(inner.rest) > 0 {
		n := bytes.IndexByte(inner.rest, '<')
		if n < 0 {
			break
		}
		if inner.depth == 0 {
			all = append(all, plainText(inner.rest[:n])...)
		}
		inner.rest = inner.rest[n:]
		switch {
		case bytes.HasPrefix(inner.rest, cdataStart):
			section := inner.rest[len(cdataStart):]
			inner.rest = behind(inner.rest, cdataEnd)
			if inner.depth == 0 {
				section = section[:len(section)-len(inner.rest)-len(cdataEnd)]
				t := token{data: section, cdata: true}
				all = append(all, t.characters()...)
			}
		case len(inner.rest) > 1 && inner.rest[1] == '/':
			inner.rest = behind(inner.rest, []byte(">"))
			inner.leave()
		default:
			if inner.enter(); inner.empty {
				inner.leave()
			}
		}
	}
	return string(all)
}
