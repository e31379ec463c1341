package tdsl

import "fmt"

// Scalar is a literal: nil, string, bool, int32, int64, float32 or float64.
type Scalar struct {
	V      any
	Quoted bool // stood in quotes
	pos    Pos
}

// List is a list in brackets.
type List struct {
	Items []Value
	pos   Pos
}

// Variable is env('NAME') or prop('NAME'), with or without a default.
type Variable struct {
	Prop    bool // prop, not env
	Name    string
	Default *string
	pos     Pos
}

// Expr is a calculation: operands with operators (+ - * /) between them.
type Expr struct {
	Args []Value
	Ops  []byte // one less than Args
	pos  Pos
}

// Pos is where the literal starts.
func (s *Scalar) Pos() Pos { return s.pos }

// Pos is where the list's bracket stands.
func (l *List) Pos() Pos { return l.pos }

// Pos is where the variable's parenthesis stands.
func (v *Variable) Pos() Pos { return v.pos }

// Pos is where the first operand ends.
func (e *Expr) Pos() Pos { return e.pos }

// Pos is where the block's name stands.
func (b *Block) Pos() Pos { return b.At }

// Eval returns the literal.
func (s *Scalar) Eval(Env) (any, error) { return s.V, nil }

// Eval returns a []any of the items' values.
func (l *List) Eval(env Env) (any, error) {
	out := make([]any, len(l.Items))
	for i, item := range l.Items {
		v, err := item.Eval(env)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// Eval returns the block itself: what is in it is calculated when it is used.
func (b *Block) Eval(Env) (any, error) { return b, nil }

// Eval returns the variable's text, its default when it is unset, or nil. A
// variable that is set to the empty text stays empty.
func (v *Variable) Eval(env Env) (any, error) {
	get := env.Var
	if v.Prop {
		get = env.Prop
		if v.Name == "" {
			return nil, &CalcError{Exception: "java.lang.IllegalArgumentException", Msg: "key can't be empty"}
		}
	}
	if get != nil {
		if s, ok := get(v.Name); ok {
			return s, nil
		}
	}
	if v.Default != nil {
		return *v.Default, nil
	}
	return nil, nil
}

// CalcError says why a value cannot be calculated, with the name of the
// exception that Tigase throws for it.
type CalcError struct {
	Exception string
	Msg       string // Tigase's message where it carries information
	Why       string // for people, where Msg is empty
}

// Error returns the message.
func (e *CalcError) Error() string {
	if e.Msg != "" {
		return e.Msg
	}
	return e.Why
}

// name is how a variable is written.
func (v *Variable) name() string {
	if v.Prop {
		return fmt.Sprintf("prop('%s')", v.Name)
	}
	return fmt.Sprintf("env('%s')", v.Name)
}
