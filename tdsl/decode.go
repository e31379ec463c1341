package tdsl

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// field is one property of a Config struct, from its tag
// `tdsl:"name,alias=other,secret,enum"`.
type field struct {
	index   []int
	name    string // key in the bean's own block; empty: none
	aliases []string
	secret  bool // never shown
	enum    bool // one of some words, in any letter case; read in small letters
}

// fieldsOf reads the tags of a struct, also of the structs embedded in it.
func fieldsOf(t reflect.Type) []field {
	var out []field
	for _, sf := range reflect.VisibleFields(t) {
		tag, ok := sf.Tag.Lookup("tdsl")
		if !ok || !sf.IsExported() {
			continue
		}
		parts := strings.Split(tag, ",")
		f := field{index: sf.Index, name: parts[0]}
		for _, p := range parts[1:] {
			if alias, ok := strings.CutPrefix(p, "alias="); ok {
				f.aliases = append(f.aliases, alias)
			}
			f.secret = f.secret || p == "secret"
			f.enum = f.enum || p == "enum"
		}
		out = append(out, f)
	}
	return out
}

// Keys returns the names of the properties that a Config struct, given as a
// pointer, takes.
func Keys(config any) []string {
	var out []string
	for _, f := range fieldsOf(reflect.TypeOf(config).Elem()) {
		if f.name != "" {
			out = append(out, f.name)
		}
		out = append(out, f.aliases...)
	}
	return out
}

// Decode fills a Config struct, given as a pointer with its defaults set, with
// the properties of a block and calculates what it needs.
//
// Scope is the chain of blocks around it, the global one first. As in Tigase, a
// property that is an alias of a field is inherited from every one of them, a
// deeper one counts before an outer, and the block's own before all.
//
// What no field takes is returned as unknown, but for bean definitions. The
// error is [Errors]: all values that do not fit, with their keys; the fields that
// they are for keep their defaults.
func Decode(b *Block, scope []*Block, env Env, into any) (unknown []Entry, err error) {
	target := reflect.ValueOf(into).Elem()
	var errs Errors
	known := map[string]bool{}
	for _, f := range fieldsOf(target.Type()) {
		e := f.find(b, scope)
		known[f.name] = true
		for _, a := range f.aliases {
			known[a] = true
		}
		if e == nil {
			continue
		}
		value := target.FieldByIndex(f.index)
		before := reflect.New(value.Type()).Elem()
		before.Set(value)
		if err := convert(e.Value, env, value); err != nil {
			value.Set(before)
			errs = append(errs, f.wrong(e, err))
		} else if f.enum {
			value.SetString(strings.ToLower(value.String()))
		}
	}
	for _, e := range b.Entries {
		if child, ok := e.Value.(*Block); ok && child.Declared || known[e.Key] {
			continue
		}
		unknown = append(unknown, e)
	}
	if len(errs) > 0 {
		return unknown, errs
	}
	return unknown, nil
}

// placed is an error with the place of a value within a property's.
type placed struct {
	pos  Pos
	err  error
	hint string
}

// Error returns the text of the error alone.
func (p *placed) Error() string { return p.err.Error() }

// Unwrap returns the error.
func (p *placed) Unwrap() error { return p.err }

// within gives an error a place, unless it has a closer one.
func within(pos Pos, err error) error {
	if _, closer := errors.AsType[*placed](err); closer {
		return err
	}
	return &placed{pos: pos, err: err}
}

// find returns the entry that counts for a field, nil when there is none.
func (f *field) find(b *Block, scope []*Block) *Entry {
	if f.name != "" {
		if e := b.entry(f.name); e != nil {
			return e
		}
	}
	for level := len(scope); level >= 0; level-- {
		from := b
		if level < len(scope) {
			from = scope[level]
		}
		for _, a := range f.aliases {
			if e := from.entry(a); e != nil {
				return e
			}
		}
	}
	return nil
}

// wrong makes the error of a value that does not fit. Of a list or a map, it is
// at the innermost value that is at fault.
func (f *field) wrong(e *Entry, err error) *Error {
	if inner, ok := errors.AsType[*placed](err); ok {
		return &Error{Pos: inner.pos, Msg: fmt.Sprintf("'%s': %s", e.Key, err), Hint: inner.hint}
	}
	msg := fmt.Sprintf("'%s': %s", e.Key, err)
	if s, ok := e.Value.(*Scalar); ok && !f.secret && s.V != nil {
		msg = fmt.Sprintf("'%s' = %s: %s", e.Key, abbreviate(fmt.Sprintf("%#v", s.V)), err)
	}
	return &Error{Pos: e.Value.Pos(), Msg: msg, Key: e.Key}
}
