package tdsl

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// JSON returns the tree as JSON, with what each variable and calculation gives
// under env. Numbers and beans are wrapped, so that nothing of their kind is
// lost: {"$int": 5}, {"$long": "5"}, {"$float": "1.5"}, {"$double": "1.5"},
// {"$bean": …, "props": …}, {"$env": …}, {"$prop": …}, {"$expr": …}.
func (f *File) JSON(env Env) ([]byte, error) {
	return json.MarshalIndent(plainMap(f.Root.Entries, env), "", "  ")
}

type object = map[string]any

// plainMap is a map; one with a key that looks like a wrapper is wrapped.
func plainMap(entries []Entry, env Env) any {
	m := entryMap(entries, env)
	for key := range m {
		if strings.HasPrefix(key, "$") {
			return object{"$map": m}
		}
	}
	return m
}

func entryMap(entries []Entry, env Env) object {
	m := object{}
	for _, e := range entries {
		m[e.Key] = valueJSON(e.Value, env)
	}
	return m
}

func valueJSON(v Value, env Env) any {
	switch x := v.(type) {
	case *Scalar:
		return scalarJSON(x.V)
	case *List:
		out := make([]any, len(x.Items))
		for i, item := range x.Items {
			out[i] = valueJSON(item, env)
		}
		return out
	case *Block:
		if !x.Declared {
			return plainMap(x.Entries, env)
		}
		var class any
		if x.HasClass {
			class = x.Class
		}
		return object{
			"$bean": object{"name": x.Name, "class": class, "active": x.Active, "exportable": x.Exportable},
			"props": entryMap(x.Entries, env),
		}
	case *Variable:
		out := object{"$" + x.function(): x.Name, "default": nil, "calculated": calculated(x, env)}
		if x.Default != nil {
			out["default"] = *x.Default
		}
		return out
	case *Expr:
		args := make([]any, len(x.Args))
		for i, a := range x.Args {
			args[i] = valueJSON(a, env)
		}
		ops := make([]string, len(x.Ops))
		for i, op := range x.Ops {
			ops[i] = string(op)
		}
		return object{"$expr": object{"args": args, "ops": ops}, "calculated": calculated(x, env)}
	}
	return nil
}

func calculated(v Value, env Env) any {
	result, err := v.Eval(env)
	if err == nil {
		return scalarJSON(result)
	}
	out := object{"exception": "", "message": nil}
	var calc *CalcError
	if errors.As(err, &calc) {
		out["exception"] = calc.Exception
		if calc.Msg != "" {
			out["message"] = calc.Msg
		}
	}
	return object{"$error": out}
}

func scalarJSON(v any) any {
	switch n := v.(type) {
	case int32:
		return object{"$int": n}
	case int64:
		return object{"$long": strconv.FormatInt(n, 10)}
	case float32:
		return object{"$float": floatText(float64(n), 32)}
	case float64:
		return object{"$double": floatText(n, 64)}
	}
	return v
}

// floatText names a number as Java does where Go differs.
func floatText(f float64, size int) string {
	s := strconv.FormatFloat(f, 'g', -1, size)
	switch s {
	case "+Inf":
		return "Infinity"
	case "-Inf":
		return "-Infinity"
	}
	if !strings.ContainsAny(s, ".eNI") {
		s += ".0"
	}
	return s
}

// ErrorJSON returns how Tigase's reader fails on a file that Load refused, as
// JSON; false when the error is none of [Load]'s.
func ErrorJSON(err error) ([]byte, bool) {
	var all Errors
	if !errors.As(err, &all) || len(all) == 0 {
		return nil, false
	}
	e := all[0]
	out := object{"error": e.failure.kind}
	switch e.failure.kind {
	case kindUnsupported:
		out["message"], out["line"], out["position"], out["lineContent"] = e.failure.message, e.Pos.Line, e.Pos.Col, e.Line
	case kindFormat:
		out["state"] = e.failure.state
		out["message"] = fmt.Sprintf("Parsing error - invalid file structure, state = %s, parent = tigase.conf.ConfigReader$StateHolder@N", e.failure.state)
	case kindCrash:
		out["exception"] = e.failure.exception
		out["at"] = object{"eof": e.failure.eof, "line": e.failure.at.Line, "position": e.failure.at.Col}
		if e.failure.message != "" {
			out["message"] = e.failure.message
		}
	default:
		out["message"] = e.Msg
	}
	text, err := json.MarshalIndent(out, "", "  ")
	return text, err == nil
}
