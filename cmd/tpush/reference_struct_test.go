package main

import (
	"go/ast"
	"path"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// property is one property of a Config struct.
type property struct {
	key      string // in the configuration
	also     string // another name, for which the same holds as for anyScope
	anyScope bool   // may stand in a block around
	secret   bool
	typ      reflect.Type
	index    []int
	owner    reflect.Type // the struct that declares it
	field    string
}

// propertiesOf reads the tags of a struct; nothing else has properties.
func propertiesOf(t reflect.Type) (out []property) {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	for _, f := range reflect.VisibleFields(t) {
		tag, ok := f.Tag.Lookup("tdsl")
		if !ok || !f.IsExported() {
			continue
		}
		p := property{typ: f.Type, index: f.Index, owner: owner(t, f.Index), field: f.Name}
		name, options, _ := strings.Cut(tag, ",")
		p.key = name
		for o := range strings.SplitSeq(options, ",") {
			if alias, ok := strings.CutPrefix(o, "alias="); ok {
				if p.key == "" || p.key == alias {
					p.key, p.anyScope = alias, true
				} else {
					p.also = alias
				}
			}
			p.secret = p.secret || o == "secret"
		}
		out = append(out, p)
	}
	return out
}

// owner is the struct in which a field of another stands.
func owner(t reflect.Type, index []int) reflect.Type {
	for _, i := range index[:len(index)-1] {
		t = elem(t.Field(i).Type)
	}
	return t
}

// elem is the struct that a type is made of, or the type.
func elem(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	return t
}

// comments are those of struct fields: by package folder, struct and field.
type comments struct {
	texts map[[3]string]string
	keys  map[string]string // property by field name, where that is no plain word
}

func newComments(t *testing.T) comments {
	t.Helper()
	c := comments{map[[3]string]string{}, map[string]string{}}
	for _, file := range goFiles(t) {
		ast.Inspect(file.ast, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				c.structure(file.pkg, spec.Name.Name, s)
			}
			return false
		})
	}
	return c
}

var humps = regexp.MustCompile(`^[A-Z]+[a-z0-9]+[A-Z]|^[A-Z]{2,}[a-z]|^[A-Z]\d`)

func (c *comments) structure(pkg, name string, s *ast.StructType) {
	for _, f := range s.Fields.List {
		text := f.Doc.Text()
		if text == "" {
			text = f.Comment.Text()
		}
		for _, n := range f.Names {
			c.texts[[3]string{pkg, name, n.Name}] = strings.Join(strings.Fields(text), " ")
			if f.Tag != nil && humps.MatchString(n.Name) {
				key, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("tdsl"), ",")
				if key != "" {
					c.keys[n.Name] = key
				}
			}
		}
	}
}

var goName = regexp.MustCompile(`\b[A-Z][A-Za-z0-9]+\b`)

// of is a property's comment in the words of a configuration: without the Go
// names.
func (c *comments) of(p property) (string, bool) {
	pkg := strings.TrimPrefix(p.owner.PkgPath(), module)
	if p.owner.PkgPath() == "" || path.Base(pkg) == "main" {
		pkg = "cmd/tpush"
	}
	text := c.texts[[3]string{pkg, p.owner.Name(), p.field}]
	text = strings.TrimPrefix(text, p.field+" ")
	for _, verb := range []string{"is ", "are ", "has "} {
		text = strings.TrimPrefix(text, verb)
	}
	text = goName.ReplaceAllStringFunc(text, func(s string) string {
		if key, ok := c.keys[s]; ok {
			return "`" + key + "`"
		}
		return s
	})
	if text == "" {
		return "", false
	}
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + ".", true
}
