package xmpp

import (
	"bytes"
	"encoding/xml"
	"errors"
)

const nsXML = "http://www.w3.org/XML/1998/namespace"

// maxInterned bounds the names that are kept as strings; a peer that sends ever
// new ones costs a copy each.
const maxInterned = 256

// binding is one namespace declaration.
type binding struct {
	prefix, uri string
	depth       int // of the element it stands on
}

// namespaces are the declarations in scope, the innermost last.
type namespaces struct {
	list   []binding
	known  map[string]string
	recent [16]string // of those, the last one of each length modulo 16
}

// enter takes the declarations of an element's tag into scope and sees that its
// prefixes are declared.
func (n *namespaces) enter(t *token, depth int) error {
	for i := range t.attrs {
		if prefix, ok := declared(t.part(t.attrs[i].name)); ok {
			if err := n.declare(prefix, t.part(t.attrs[i].value), depth); err != nil {
				return err
			}
		}
	}
	if !t.colons {
		return nil
	}
	if t.colon > 0 && !n.knows(t.name()) {
		return malformed(errors.New("a prefix that is not declared"))
	}
	for i := range t.attrs {
		a := &t.attrs[i]
		if _, ok := declared(t.part(a.name)); !ok && a.prefixed && !n.knows(t.part(a.name)) {
			return malformed(errors.New("a prefix that is not declared"))
		}
	}
	return nil
}

// declare adds one declaration.
func (n *namespaces) declare(prefix, value []byte, depth int) error {
	b := binding{n.intern(prefix), n.intern(value), depth}
	switch {
	case b.prefix == "xmlns", b.prefix == "xml" && b.uri != nsXML, b.prefix != "" && b.uri == "":
		return malformed(errors.New("a namespace declaration that XML forbids"))
	}
	n.list = append(n.list, b)
	return nil
}

// declared returns the prefix that an attribute declares.
func declared(name []byte) (prefix []byte, ok bool) {
	const xmlns = "xmlns"
	if len(name) < len(xmlns) || string(name[:len(xmlns)]) != xmlns {
		return nil, false
	}
	if len(name) == len(xmlns) {
		return nil, true
	}
	return name[len(xmlns)+1:], name[len(xmlns)] == ':'
}

// intern makes a string of a declared namespace or a local name, the same for
// the same one.
func (n *namespaces) intern(raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	recent := &n.recent[len(raw)%len(n.recent)]
	if *recent == string(raw) {
		return *recent
	}
	if s, ok := n.known[string(raw)]; ok {
		if len(s) == len(raw) { // no references in it
			*recent = s
		}
		return s
	}
	s := attributeText(raw)
	if n.known == nil {
		n.known = map[string]string{}
	}
	if len(n.known) < maxInterned && len(raw) < maxText {
		n.known[string(raw)] = s
	}
	return s
}

// leave forgets the declarations of elements at a depth and below.
func (n *namespaces) leave(depth int) {
	for len(n.list) > 0 && n.list[len(n.list)-1].depth >= depth {
		n.list = n.list[:len(n.list)-1]
	}
}

// element returns the expanded name of an element that was entered.
func (n *namespaces) element(t *token) xml.Name {
	local := t.name()
	if t.colon > 0 {
		local = local[t.colon+1:]
	}
	return xml.Name{Space: n.space(t), Local: n.intern(local)}
}

// space returns the namespace of an element that was entered.
func (n *namespaces) space(t *token) string {
	uri, _ := n.lookup(t.name()[:t.colon])
	return uri
}

// knows reports whether the prefix of a name is declared.
func (n *namespaces) knows(name []byte) bool {
	prefix, _, _ := bytes.Cut(name, []byte(":"))
	_, ok := n.lookup(prefix)
	return ok
}

// lookup returns what a prefix stands for.
func (n *namespaces) lookup(prefix []byte) (string, bool) {
	for i := len(n.list) - 1; i >= 0; i-- {
		if n.list[i].prefix == string(prefix) {
			return n.list[i].uri, true
		}
	}
	if string(prefix) == "xml" {
		return nsXML, true
	}
	return "", len(prefix) == 0
}
