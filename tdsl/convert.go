package tdsl

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	valueType    = reflect.TypeFor[Value]()
)

// errNull means that null meets a type that cannot hold it.
var errNull = errors.New("null is no value here")

// convert sets target to a value, by the rules of Tigase's type converter.
func convert(v Value, env Env, target reflect.Value) error {
	if target.Type() == valueType {
		target.Set(reflect.ValueOf(v))
		return nil
	}
	result, err := v.Eval(env)
	if err != nil {
		if l, ok := v.(*List); ok && target.Kind() == reflect.Slice {
			return convertList(l.Items, env, target)
		}
		return err
	}
	if result == nil {
		if x, ok := v.(*Variable); ok {
			return fmt.Errorf("%s is not set and has no default", x.name())
		}
	}
	if result == nil || result == "null" {
		return setNull(target)
	}
	if target.Kind() == reflect.Pointer {
		target.Set(reflect.New(target.Type().Elem()))
		return convert(v, env, target.Elem())
	}
	switch x := v.(type) {
	case *Block:
		return convertBlock(x, env, target)
	case *List:
		if target.Kind() != reflect.Slice {
			return errors.New("a list does not fit here")
		}
		return convertList(x.Items, env, target)
	}
	return convertText(textOf(result), target)
}

// setNull sets what can be empty; numbers and booleans cannot.
func setNull(target reflect.Value) error {
	switch target.Kind() {
	case reflect.String, reflect.Slice, reflect.Map, reflect.Pointer:
		target.SetZero()
		return nil
	}
	return errNull
}

// textOf is a scalar's text as Java has it.
func textOf(v any) string {
	switch n := v.(type) {
	case float32:
		return floatText(float64(n), 32)
	case float64:
		return floatText(n, 64)
	}
	return fmt.Sprint(v)
}

// convertText reads text into a target, with the white space around it removed.
func convertText(text string, target reflect.Value) error {
	if target.CanAddr() {
		if u, ok := target.Addr().Interface().(encoding.TextUnmarshaler); ok {
			return u.UnmarshalText([]byte(trim(text)))
		}
	}
	if target.Type() == durationType {
		d, err := parseDuration(trim(text))
		target.SetInt(int64(d))
		return err
	}
	switch target.Kind() {
	case reflect.String:
		target.SetString(trim(text))
	case reflect.Bool:
		target.SetBool(isTrue(trim(text)))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(trim(text), 10, target.Type().Bits())
		if err != nil {
			return errors.New("a whole number is expected")
		}
		target.SetInt(n)
	case reflect.Float32, reflect.Float64:
		f, err := parseJavaFloat(trim(text), target.Type().Bits())
		target.SetFloat(f)
		return err
	case reflect.Slice:
		return convertParts(text, target)
	default:
		return errors.New("a block in braces is expected")
	}
	return nil
}

// isTrue never fails: everything but these is false.
func isTrue(text string) bool {
	switch strings.ToLower(text) {
	case "yes", "true", "on", "1":
		return true
	}
	return false
}

func parseJavaFloat(text string, size int) (float64, error) {
	text = strings.TrimRight(text, "dDfF")
	f, err := strconv.ParseFloat(text, size)
	if err != nil && !math.IsInf(f, 0) {
		return 0, errors.New("a number is expected")
	}
	return f, nil
}

// convertParts reads text with commas into a slice: parts are not trimmed, a
// comma behind a backslash does not separate, and empty parts at the end do not
// count.
func convertParts(text string, target reflect.Value) error {
	parts := splitText(text)
	out := reflect.MakeSlice(target.Type(), len(parts), len(parts))
	for i, p := range parts {
		if err := convertItem(p, out.Index(i)); err != nil {
			return err
		}
	}
	target.Set(out)
	return nil
}

// splitText splits at commas not preceded by a backslash.
func splitText(text string) []string {
	var parts []string
	start := 0
	for i := range len(text) {
		if text[i] == ',' && (i == 0 || text[i-1] != '\\') {
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	parts = append(parts, text[start:])
	if len(parts) == 1 {
		return parts
	}
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	return parts
}

// convertItem reads one part of a list: a string keeps its white space.
func convertItem(text string, target reflect.Value) error {
	if target.Kind() == reflect.String {
		target.SetString(text)
		return nil
	}
	return convertText(text, target)
}

func convertList(items []Value, env Env, target reflect.Value) error {
	out := reflect.MakeSlice(target.Type(), len(items), len(items))
	for i, item := range items {
		v, err := item.Eval(env)
		if err != nil {
			return err
		}
		switch {
		case v == nil || v == "null":
			err = errNull
		case reflect.TypeOf(item) == reflect.TypeFor[*Block](), reflect.TypeOf(item) == reflect.TypeFor[*List]():
			err = convert(item, env, out.Index(i))
		default:
			err = convertItem(textOf(v), out.Index(i))
		}
		if err != nil {
			return fmt.Errorf("item %d: %w", i+1, err)
		}
	}
	target.Set(out)
	return nil
}

// convertBlock reads a block into a map or a struct.
func convertBlock(b *Block, env Env, target reflect.Value) error {
	switch target.Kind() {
	case reflect.Map:
		out := reflect.MakeMap(target.Type())
		for _, e := range b.Entries {
			v := reflect.New(target.Type().Elem()).Elem()
			if err := convert(e.Value, env, v); err != nil {
				return fmt.Errorf("'%s': %w", e.Key, err)
			}
			out.SetMapIndex(reflect.ValueOf(strings.ReplaceAll(e.Key, `\,`, ",")), v)
		}
		target.Set(out)
		return nil
	case reflect.Struct:
		unknown, err := Decode(b, nil, env, target.Addr().Interface())
		if err == nil && len(unknown) > 0 {
			err = fmt.Errorf("there is no property '%s' here", unknown[0].Key)
		}
		return err
	}
	return errors.New("a block in braces does not fit here")
}
