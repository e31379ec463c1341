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
	list  []binding
	known map[string]string
}

// declare adds the declarations of an element's tag.
func (n *namespaces) declare(attrs []attribute, depth int) error {
	for _, a := range attrs {
		prefix, ok := declared(a.name)
		if !ok {
			continue
		}
		uri := n.intern(a.value)
		switch {
		case prefix == "xmlns", prefix == "xml" && uri != nsXML, prefix != "" && uri == "":
			return malformed(errors.New("a namespace declaration that XML forbids"))
		}
		n.list = append(n.list, binding{prefix, uri, depth})
	}
	return nil
}

// declared returns the prefix that an attribute declares.
func declared(name []byte) (prefix string, ok bool) {
	if !bytes.HasPrefix(name, []byte("xmlns")) {
		return "", false
	}
	if len(name) == len("xmlns") {
		return "", true
	}
	if name[len("xmlns")] != ':' {
		return "", false
	}
	return string(name[len("xmlns:"):]), true
}

// intern makes a string of a declared namespace or a local name, the same for
// the same one.
func (n *namespaces) intern(raw []byte) string {
	if s, ok := n.known[string(raw)]; ok {
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

// element returns the expanded name of an element.
func (n *namespaces) element(name []byte) (xml.Name, error) {
	prefix, local, ok := bytes.Cut(name, []byte(":"))
	if !ok {
		prefix, local = nil, name
	}
	uri, ok := n.lookup(prefix)
	if !ok {
		return xml.Name{}, malformed(errors.New("a prefix that is not declared"))
	}
	return xml.Name{Space: uri, Local: n.intern(local)}, nil
}

// check sees that the prefixes of attributes are declared.
func (n *namespaces) check(attrs []attribute) error {
	for _, a := range attrs {
		prefix, _, ok := bytes.Cut(a.name, []byte(":"))
		if !ok || string(prefix) == "xmlns" {
			continue
		}
		if _, ok := n.lookup(prefix); !ok {
			return malformed(errors.New("a prefix that is not declared"))
		}
	}
	return nil
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
