package tdsl

import "strings"

// Eval calculates the expression as Tigase does: all multiplications first,
// then all divisions, then all additions, then all subtractions. This is not
// the usual order: 10 - 2 + 3 is 5.
func (e *Expr) Eval(env Env) (any, error) {
	args := make([]any, len(e.Args))
	var first any
	for i, a := range e.Args {
		v, ok := a.(*Variable)
		if !ok {
			if s, ok := a.(*Scalar); ok {
				args[i] = s.V
			} else {
				args[i] = a
			}
		} else {
			x, err := v.Eval(env)
			if err != nil {
				return nil, err
			}
			args[i] = x
		}
		if first == nil {
			first = args[i]
		}
	}
	switch first.(type) {
	case string:
		return e.concat(args)
	case int32, int64, float32, float64:
		return e.calculate(args)
	}
	return nil, &CalcError{Exception: "java.lang.UnsupportedOperationException", Msg: "Cannot calculate composite variable!"}
}

// concat joins strings; null contributes the text null.
func (e *Expr) concat(args []any) (any, error) {
	for _, op := range e.Ops {
		if op != '+' {
			return nil, &CalcError{Exception: "java.lang.UnsupportedOperationException", Msg: "Invalid operation for String!"}
		}
	}
	var b strings.Builder
	for _, a := range args {
		switch s := a.(type) {
		case nil:
			b.WriteString("null")
		case string:
			b.WriteString(s)
		default:
			return nil, classCast("a text and something else cannot be joined")
		}
	}
	return b.String(), nil
}

func (e *Expr) calculate(args []any) (any, error) {
	vals := append([]any(nil), args...)
	ops := append([]byte(nil), e.Ops...)
	for _, pass := range []byte("*/+-") {
		out, left := vals[:1], ops[:0]
		for i, op := range ops {
			if op != pass {
				out, left = append(out, vals[i+1]), append(left, op)
				continue
			}
			v, err := operate(op, out[len(out)-1], vals[i+1])
			if err != nil {
				return nil, err
			}
			out[len(out)-1] = v
		}
		vals, ops = out, left
	}
	return vals[0], nil
}

func classCast(why string) error {
	return &CalcError{Exception: "java.lang.ClassCastException", Why: why}
}

// operate does one operation in the wider of the two types: double, float,
// long, int.
func operate(op byte, a, b any) (any, error) {
	const unset = "a value that is not set cannot be calculated with"
	switch {
	case a != nil && !isNumber(a) || b != nil && !isNumber(b):
		return nil, classCast("a number and something else cannot be calculated with")
	case a == nil && b == nil:
		return nil, &CalcError{Exception: "java.lang.RuntimeException", Msg: "Invalid argument exception", Why: unset}
	case a == nil || b == nil:
		return nil, &CalcError{Exception: "java.lang.NullPointerException", Why: unset}
	case is[float64](a) || is[float64](b):
		return arithmetic(op, toFloat(a), toFloat(b)), nil
	case is[float32](a) || is[float32](b):
		return arithmetic(op, toSingle(a), toSingle(b)), nil
	case op == '/' && toInt(b) == 0:
		return nil, &CalcError{Exception: "java.lang.ArithmeticException", Msg: "/ by zero"}
	case is[int64](a) || is[int64](b):
		return arithmetic(op, toInt(a), toInt(b)), nil
	}
	return arithmetic(op, int32(toInt(a)), int32(toInt(b))), nil
}

// arithmetic wraps around silently and cuts divisions towards zero, which is
// the same in Go and in Java.
func arithmetic[T int32 | int64 | float32 | float64](op byte, a, b T) T {
	switch op {
	case '*':
		return a * b
	case '/':
		return a / b
	case '+':
		return a + b
	}
	return a - b
}

func is[T any](v any) bool { _, ok := v.(T); return ok }

func isNumber(v any) bool {
	return is[int32](v) || is[int64](v) || is[float32](v) || is[float64](v)
}

func toInt(v any) int64 {
	switch n := v.(type) {
	case int32:
		return int64(n)
	case int64:
		return n
	}
	return 0
}

// toSingle rounds once, also from a long.
func toSingle(v any) float32 {
	if f, ok := v.(float32); ok {
		return f
	}
	return float32(toInt(v))
}

func toFloat(v any) float64 {
	switch n := v.(type) {
	case float32:
		return float64(n)
	case float64:
		return n
	}
	return float64(toInt(v))
}
