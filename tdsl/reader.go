package tdsl

import (
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"
)

// Load reads a file; it evaluates nothing. Warnings of the file say where
// Tigase's reader, and so this one, loses what is written. The error is [Errors]
// when the text is at fault: all that is wrong, the first being the one that
// Tigase stops at; the file then holds the warnings only.
func Load(name string, src io.Reader) (*File, error) {
	text, err := readSource(name, src)
	if err != nil {
		return nil, err
	}
	doc, err := grammar.ParseString(name, text)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(text, "\n")
	for _, e := range slices.Concat(doc.warnings, doc.errors) {
		e.Line = lines[e.Pos.Line-1]
	}
	if len(doc.errors) > 0 {
		return &File{Warnings: doc.warnings}, doc.errors
	}
	return &File{Root: *doc.root, Warnings: doc.warnings}, nil
}

// kind is what a frame of the reader is in.
type kind string

const (
	inMap  kind = "MAP"
	inList kind = "LIST"
	inBean kind = "BEAN" // the parentheses of a bean
	inEnv  kind = "ENVIRONMENT"
	inProp kind = "PROPERTY"
)

// reader steps through the tokens.
type reader struct {
	lex       *lexer.PeekingLexer
	line, col int // of the next token
	depth     int
	warnings  Errors
	errors    Errors
}

// frame is what Tigase's reader keeps for each open bracket.
type frame struct {
	kind   kind
	buf    []byte // bare text since the last separator
	bufPos Pos    // of its first character that is no white space
	blank  bool   // buf holds white space at most
	mixed  bool   // buf holds an operator that is no number's sign
	key    string
	hasKey bool // a key that is empty is not the same as none
	keyPos Pos
	val    Value // a finished value that is not bare; nil: use buf
	expr   *Expr // started
	pos    Pos   // of the token in hand

	block *Block    // inMap: what is filled; inBean: the definition
	list  *List     // inList
	vari  *Variable // inEnv, inProp
	named bool      // inEnv, inProp: the variable has its name
}

// file reads the global scope.
func (r *reader) file() *Block {
	root := &Block{Active: true, At: r.pos()}
	f := &frame{kind: inMap, block: root, blank: true}
	if _, err := r.run(f, true); err != nil {
		r.errors = append(r.errors, err)
	}
	return root
}

// maxErrors is how many errors of a file are told.
const maxErrors = 50

// goOn notes an error and reports whether reading can go on after it, to find
// what else is wrong.
func (r *reader) goOn(err *Error) bool {
	if err.failure.kind == kindLimit || err.failure.kind == kindFormat || len(r.errors) == maxErrors {
		return false
	}
	if n := len(r.errors); n > 0 && r.errors[n-1].Pos.Line == err.Pos.Line && r.errors[n-1].failure.kind == err.failure.kind {
		return true // one mistake in a line is enough
	}
	r.errors = append(r.errors, err)
	return true
}

// pos is the place of the next token.
func (r *reader) pos() Pos {
	return Pos{File: r.lex.Peek().Pos.Filename, Line: r.line, Col: r.col}
}

// next takes a token and moves the place behind it.
func (r *reader) next() *lexer.Token {
	tok := r.lex.Next()
	for _, c := range tok.Value {
		switch {
		case c == '\n':
			r.line++
			r.col = 1
		case c > 0xFFFF:
			r.col += 2
		default:
			r.col++
		}
	}
	return tok
}

// run reads until the frame is closed and returns the value that the frame
// around it gets: nil for none.
func (r *reader) run(f *frame, root bool) (Value, *Error) {
	if r.depth++; r.depth > MaxDepth {
		return nil, &Error{Pos: r.pos(), Msg: "brackets are nested deeper than 256", failure: failure{kind: kindLimit}}
	}
	defer func() { r.depth-- }()
	for {
		f.pos = r.pos()
		tok := r.next()
		var err *Error
		switch {
		case tok.EOF():
			return nil, r.end(f, root)
		case tok.Type == tokComment:
			if r.lex.Peek().EOF() {
				err = unfinished(r.pos(), "COMMENT", "the comment on the last line has no line end", "end the file with a line end")
			}
		case tok.Type == tokQuote:
			err = r.quote(f, tok.Value)
		case tok.Type == tokText:
			f.text(tok.Value)
		default:
			var out Value
			var closed bool
			out, closed, err = r.punct(f, tok.Value[0], root)
			if closed && !root {
				return out, err
			}
		}
		if err != nil && !r.goOn(err) {
			return nil, err
		}
	}
}

// text collects bare text.
func (f *frame) text(s string) {
	if f.blank {
		rest := strings.TrimLeftFunc(s, func(r rune) bool { return r <= ' ' })
		f.bufPos = f.pos
		f.bufPos.Col += len(s) - len(rest) // white space is one UTF-16 unit each
		f.blank = rest == ""
	}
	f.buf = append(f.buf, s...)
}

// bare is the bare text without the white space around it.
func (f *frame) bare() string {
	if f.blank {
		return ""
	}
	return trim(string(f.buf))
}

// clear forgets the bare text.
func (f *frame) clear() {
	f.buf, f.bufPos, f.blank, f.mixed = f.buf[:0], Pos{}, true, false
}

// quote takes a string in quotes as the value.
func (r *reader) quote(f *frame, s string) *Error {
	if len(s) < 2 || s[len(s)-1] != s[0] {
		return unfinished(f.pos, "QUOTE", "the quote that begins here has no end", "a string cannot hold its own quote character, and there are no escapes: join 'it' + \"'\" + 's'")
	}
	if f.val != nil && f.kind != inEnv && f.kind != inProp {
		r.warn(f.val.Pos(), "this value is lost: another follows it", "put a comma or a line end between them")
	}
	f.val = &Scalar{V: s[1 : len(s)-1], Quoted: true, pos: f.pos}
	return nil
}

// punct does what one of the characters with a meaning asks for.
func (r *reader) punct(f *frame, c byte, root bool) (out Value, closed bool, err *Error) {
	switch c {
	case ':', '=':
		f.separate(c)
	case '\n', ',':
		err = r.separator(f)
	case '+', '-', '*', '/':
		err = r.operator(f, c)
	case '[':
		f.val, err = r.run(&frame{kind: inList, list: &List{pos: f.pos}, blank: true}, false)
	case '{':
		err = r.open(f)
	case '(':
		err = r.parenthesis(f)
	case ']':
		out, err = r.closeList(f, root)
		closed = true
	case '}':
		if root {
			return nil, true, unsupported(f.pos, "Unexpected char: '}'", "nothing is open that this brace could close")
		}
		r.pending(f, "}")
		return f.closedMap(), true, nil
	case ')':
		out, err = r.closeParenthesis(f, root)
		closed = true
	}
	return out, closed, err
}

// closedMap is the value of a frame that a brace has closed.
func (f *frame) closedMap() Value {
	if f.kind != inMap {
		return nil
	}
	return f.block
}

// separate ends a key. With a key already there, the character is text.
func (f *frame) separate(c byte) {
	if f.hasKey {
		f.text(string(c))
		return
	}
	f.key, f.keyPos, f.hasKey = f.bare(), f.pos, true
	if !f.blank {
		f.keyPos = f.bufPos
	}
	if f.val != nil {
		f.key, f.keyPos = javaText(f.val), f.val.Pos()
	}
	f.val = nil
	f.clear()
}

// open begins a map, or the body of a bean.
func (r *reader) open(f *frame) *Error {
	if !f.hasKey {
		f.key, f.keyPos = f.name()
		f.hasKey = true
		if f.keyPos.Line == 0 {
			f.keyPos = f.pos
		}
	}
	f.clear()
	b, isBlock := f.val.(*Block)
	if !isBlock || !b.Declared {
		if isBlock {
			r.warn(b.At, "this block is lost: another follows it on the same line", "put a line end between them")
		}
		b = &Block{Name: f.key, Active: true, At: f.keyPos}
	}
	if f.kind == inMap && f.key == "" {
		r.warn(f.pos, "this block is lost: it has no name", "put the name on the line of the brace")
	}
	var err *Error
	f.val, err = r.run(&frame{kind: inMap, block: b, blank: true}, false)
	return err
}

// name is the text in front of a bracket, as the name of a block.
func (f *frame) name() (string, Pos) {
	if s, ok := f.val.(*Scalar); ok {
		if text, ok := s.V.(string); ok {
			return trim(text), s.pos
		}
	}
	return f.bare(), f.bufPos
}

// parenthesis begins a variable or a bean definition.
func (r *reader) parenthesis(f *frame) *Error {
	name, pos := f.name()
	var err *Error
	if name == "env" || name == "prop" {
		inner := &frame{kind: inEnv, vari: &Variable{pos: pos}, blank: true}
		if name == "prop" {
			inner.kind, inner.vari.Prop = inProp, true
		}
		f.val, err = r.run(inner, false)
		return err
	}
	if f.hasKey && f.kind != inList {
		if name == "" {
			r.warn(f.keyPos, "'"+f.key+"' is lost: parentheses in a value begin a bean", "there are no parentheses in calculations")
		} else if name != f.key {
			r.warn(f.keyPos, "'"+f.key+"' is lost: parentheses make a bean named '"+name+"'", "put the name in quotes")
		}
	}
	if pos.Line == 0 {
		pos = f.pos
	}
	f.key, f.keyPos, f.hasKey = name, pos, true
	def := &Block{Name: name, Active: true, Declared: true, At: pos}
	f.val, err = r.run(&frame{kind: inBean, block: def, blank: true}, false)
	return err
}
