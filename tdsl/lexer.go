package tdsl

import (
	"io"
	"strings"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// The tokens. Each byte of a file is in exactly one of them.
const (
	tokComment lexer.TokenType = iota + 1 // from # to the line's end, without it
	tokQuote                              // knows no escapes and may hold line ends; without its end it runs to the file's
	tokPunct                              // one of the characters with a meaning
	tokText                               // anything else
)

// tokens makes lexers, for participle. They are written by hand: participle's
// own, of regular expressions, make reading take three times as long.
type tokens struct{}

// Symbols implements lexer.Definition.
func (tokens) Symbols() map[string]lexer.TokenType {
	return map[string]lexer.TokenType{"EOF": lexer.EOF, "Comment": tokComment, "Quote": tokQuote, "Punct": tokPunct, "Text": tokText}
}

// Lex implements lexer.Definition.
func (tokens) Lex(name string, src io.Reader) (lexer.Lexer, error) {
	text, err := io.ReadAll(src)
	return &tokenizer{name, string(text)}, err
}

// LexString implements lexer.StringDefinition.
func (tokens) LexString(name, text string) (lexer.Lexer, error) {
	return &tokenizer{name, text}, nil
}

// tokenizer takes one token after the other off a text.
type tokenizer struct{ name, rest string }

// Next implements lexer.Lexer. The place in the token is only the file: the
// reader counts lines itself, in Tigase's units.
func (t *tokenizer) Next() (lexer.Token, error) {
	tok := lexer.Token{Type: lexer.EOF, Pos: lexer.Position{Filename: t.name}}
	if t.rest != "" {
		n := 0
		tok.Type, n = firstToken(t.rest)
		tok.Value, t.rest = t.rest[:n], t.rest[n:]
	}
	return tok, nil
}

// firstToken is the kind and the length of the token that a text begins with.
func firstToken(text string) (lexer.TokenType, int) {
	kind, end := tokText, 0
	switch c := text[0]; {
	case c == '#':
		kind, end = tokComment, strings.IndexByte(text, '\n')
	case c == '\'' || c == '"':
		kind, end = tokQuote, strings.IndexByte(text[1:], c)
		if end >= 0 {
			end += 2
		}
	case hasMeaning(rune(c)):
		return tokPunct, 1
	default:
		end = strings.IndexFunc(text, func(r rune) bool { return hasMeaning(r) || r == '#' || r == '\'' || r == '"' })
	}
	if end < 0 {
		end = len(text)
	}
	return kind, end
}

// hasMeaning reports whether a character outside quotes and comments is a token
// of its own.
func hasMeaning(r rune) bool {
	switch r {
	case ':', '=', '[', ']', '{', '}', '(', ')', ',', '\n', '+', '-', '*', '/':
		return true
	}
	return false
}

// grammar is the file: one production, which steps through the tokens as
// Tigase's reader steps through characters. A context-free grammar cannot give
// back everything that that loop accepts.
var grammar = participle.MustBuild[document](participle.Lexer(tokens{}))

// document is the production of a whole file.
type document struct {
	root     *Block
	warnings Errors
	errors   Errors
}

// Parse implements participle's Parseable.
func (d *document) Parse(lex *lexer.PeekingLexer) error {
	r := &reader{lex: lex, line: 1, col: 1}
	d.root = r.file()
	d.warnings, d.errors = r.warnings, r.errors
	for !lex.Peek().EOF() { // what is left after an error
		lex.Next()
	}
	return nil
}
