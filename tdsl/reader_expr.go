package tdsl

// operator takes one of + - * / as part of a number, of a calculation, or of a
// word.
func (r *reader) operator(f *frame, op byte) *Error {
	left := f.val
	if left == nil && op == '-' && f.blank {
		f.text("-")
		return nil
	}
	if left == nil && f.mixed && !f.hasKey && f.kind != inList {
		f.text(string(op)) // a word, which need not be looked at again
		return nil
	}
	if left == nil {
		s, err := r.scalar(f, string(f.buf))
		if err != nil {
			return err
		}
		left = s
	}
	s, isScalar := left.(*Scalar)
	if f.kind != inList && (!f.hasKey || isScalar && s.V == nil && !s.Quoted) {
		f.text(string(op))
		f.mixed = true
		return nil
	}
	if f.kind == inEnv || f.kind == inProp {
		return crash(f, "java.lang.ClassCastException", "nothing is calculated inside a variable", "")
	}
	if isScalar && is[string](s.V) && op != '+' {
		f.val = nil
		f.clear()
		return unsupported(f.pos, stringOperation[op], "a text with one of the characters + - * / stands in quotes")
	}
	if f.expr == nil {
		f.expr = &Expr{pos: left.Pos()}
	}
	f.expr.Args = append(f.expr.Args, left)
	f.expr.Ops = append(f.expr.Ops, op)
	f.val = nil
	f.clear()
	return nil
}

// stringOperation are Tigase's messages.
var stringOperation = map[byte]string{
	'-': "Cannot substract a String",
	'*': "Cannot multiply a String",
	'/': "Cannot divide a String",
}

// finish ends a started calculation with its last operand.
func (r *reader) finish(f *frame) *Error {
	if f.expr == nil {
		return nil
	}
	last := f.val
	if last == nil {
		s, err := r.scalar(f, string(f.buf))
		if err != nil {
			return err
		}
		if s.V == "" {
			r.warn(f.expr.pos, "the calculation ends with an operator", "a calculation stands on one line")
		}
		last = s
	} else if !f.blank && !isVariable(f) {
		r.warn(f.bufPos, "the text beside the quotes is lost", "")
	}
	f.expr.Args = append(f.expr.Args, last)
	f.val, f.expr = f.expr, nil
	f.clear()
	return nil
}
