// Package tdsl reads TDSL, the configuration language of Tigase XMPP Server:
// text becomes a tree with positions, a value becomes a result when it is asked
// for, a block becomes a Go struct, and a tree becomes text again.
//
// Reading gives the same tree as Tigase's own reader for every input and never
// evaluates anything. The package does not know what the blocks are for.
package tdsl

import "fmt"

// Pos is a place in a file.
type Pos struct {
	File string
	Line int // from 1
	Col  int // from 1, in UTF-16 code units, as Tigase counts
}

// String returns file:line:col, or the file alone when there is no line.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// File is one configuration file as read.
type File struct {
	Root     Block  // the global scope is a block like any other
	Warnings Errors // where Tigase's reader loses data, what was lost
}

// Block is a bean definition or a plain map.
type Block struct {
	Name       string
	Class      string // the class attribute's text; empty when there is none
	HasClass   bool   // a class attribute that is not null was given, even an empty one
	Active     bool   // true unless (active: false)
	Exportable bool
	Declared   bool // had a (…) part: a bean definition, not a plain map
	Entries    []Entry
	At         Pos // of the name

	index map[string]int // of Entries, in a block with many
}

// Entry is one key of a block. Keys are unique in a block: a later one has
// replaced an earlier one.
type Entry struct {
	Key   string
	Value Value
	Pos   Pos // of the key
}

// Lookup returns the value of a key, or nil.
func (b *Block) Lookup(key string) Value {
	if e := b.entry(key); e != nil {
		return e.Value
	}
	return nil
}

// Env is what variables are taken from. A nil function has nothing set.
type Env struct {
	Var  func(name string) (string, bool) // env('NAME')
	Prop func(name string) (string, bool) // prop('NAME')
}

// Value is a parsed value: a [Scalar], [List], [*Block], [Variable] or [Expr].
type Value interface {
	// Eval calculates the value: nil, string, bool, int32, int64, float32,
	// float64, []any or *Block. It fails as Tigase fails.
	Eval(Env) (any, error)
	// Pos is where the value starts.
	Pos() Pos
}

// Error is one finding in a file, with its place and, where there is one, what
// to do about it.
type Error struct {
	Pos  Pos
	Msg  string // what is wrong
	Hint string // what to do; may be empty
	Line string // the source line, without its line end
	Key  string // of the property, when a value does not fit it

	failure failure
}

// failure is how Tigase's reader fails at the same place; the zero value for a
// warning.
type failure struct {
	kind      string // one of the kinds below
	state     string // invalid-format: what is open at the end
	exception string // crash: Java's exception
	message   string // Tigase's message
	eof       bool   // crash: at the end of the file
	at        Pos    // crash: how far Tigase's reader has read
}

// Kinds of failure. Only an unsupported operation has a place in Tigase.
const (
	kindUnsupported = "unsupported-operation"
	kindFormat      = "invalid-format"
	kindCrash       = "crash"
	kindLimit       = "limit" // ours
)

// Error returns file:line:col and the message.
func (e *Error) Error() string {
	s := e.Pos.String() + ": " + e.Msg
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Errors are all findings of one file, in the order of their places.
type Errors []*Error

// Error returns one line per finding.
func (e Errors) Error() string {
	s := ""
	for i, x := range e {
		if i > 0 {
			s += "\n"
		}
		s += x.Error()
	}
	return s
}
