package tdsl

import (
	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// tokens is the lexer: each byte of a file is in exactly one token. A quote
// knows no escapes and may hold line ends; one without its end runs to the end
// of the file.
var tokens = lexer.MustSimple([]lexer.SimpleRule{
	{Name: "Comment", Pattern: `#[^\n]*`},
	{Name: "Quote", Pattern: `'[^']*'?|"[^"]*"?`},
	{Name: "Punct", Pattern: `[:=\[\]{}(),\n+\-*/]`},
	{Name: "Text", Pattern: `[^#'":=\[\]{}(),\n+\-*/]+`},
})

var (
	tokComment = tokens.Symbols()["Comment"]
	tokQuote   = tokens.Symbols()["Quote"]
	tokText    = tokens.Symbols()["Text"]
)

// grammar is the file: one production, which steps through the tokens as
// Tigase's reader steps through characters. A context-free grammar cannot give
// back everything that that loop accepts.
var grammar = participle.MustBuild[document](participle.Lexer(tokens))

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
