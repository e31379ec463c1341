package tdsl

import (
	"encoding"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	valueType    = reflect.TypeFor[Value]()
)

// Array is a property that is a Java array: unlike in a list, a backslash keeps a
// comma from separating, and numbers in a list have to be of its own type.
type Array[T any] []T

func (Array[T]) array() {}

type javaArray interface{ array() }

// errNull means that null meets a type that cannot hold it.
var errNull = errors.New("null is no value here")

// convert sets target to a value, by the rules of Tigase's type converter.
func convert(v Value, env Env, target reflect.Value) error {
	if target.Type() == valueType {
		target.Set(reflect.ValueOf(v))
		return nil
	}
	if l, ok := v.(*List); ok {
		return convertList(l.Items, env, target)
	}
	result, err := v.Eval(env)
	if err != nil {
		return err
	}
	if x, ok := v.(*Variable); ok && result == nil {
		return fmt.Errorf("%s is not set and has no default", x.name())
	}
	if result == nil || isNull(v) {
		return setNull(target)
	}
	switch {
	case target.Kind() == reflect.Pointer && !unmarshals(target):
		target.Set(reflect.New(target.Type().Elem()))
		return convert(v, env, target.Elem())
	case target.Kind() == reflect.Interface:
		target.Set(reflect.ValueOf(result))
		return nil
	case isBlock(v):
		return convertBlock(v.(*Block), env, target)
	}
	return convertText(textOf(result), target)
}

// isNull reports whether a value is written as null, or as the text null, which
// is the same; a variable's text never is.
func isNull(v Value) bool {
	s, ok := v.(*Scalar)
	return ok && (s.V == nil || s.V == "null")
}

// unmarshals reports whether a type reads itself from text.
func unmarshals(target reflect.Value) bool {
	_, ok := target.Interface().(encoding.TextUnmarshaler)
	return ok && !target.IsNil()
}

// setNull sets what can be empty; numbers and booleans cannot.
func setNull(target reflect.Value) error {
	switch target.Kind() {
	case reflect.String, reflect.Slice, reflect.Map, reflect.Pointer, reflect.Interface:
		target.SetZero()
		return nil
	}
	return errNull
}

// textOf is a scalar's text as Java has it.
func textOf(v any) string {
	switch n := v.(type) {
	case float32:
		return javaFloat(float64(n), 32)
	case float64:
		return javaFloat(n, 64)
	}
	return fmt.Sprint(v)
}

// convertText reads text into a target, with the white space around it removed.
func convertText(text string, target reflect.Value) error {
	switch u := target.Addr().Interface().(type) {
	case *regexp.Regexp: // the one kind of text that is not trimmed
		return u.UnmarshalText([]byte(text))
	case encoding.TextUnmarshaler:
		return u.UnmarshalText([]byte(trim(text)))
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

// javaNumber is what Double.parseDouble takes, hexadecimal numbers aside.
var javaNumber = regexp.MustCompile(`^[-+]?(NaN|Infinity|([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?[dDfF]?)$`)

func parseJavaFloat(text string, size int) (float64, error) {
	if !javaNumber.MatchString(text) {
		return 0, errors.New("a number is expected")
	}
	// The pattern lets only numbers through; one out of range is infinite.
	f, _ := strconv.ParseFloat(strings.TrimRight(text, "dDfF"), size)
	return f, nil
}

// convertParts reads text with commas into a slice: parts are not trimmed, a
// comma behind a backslash does not separate, and empty parts at the end do not
// count.
func convertParts(text string, target reflect.Value) error {
	if kind := target.Type().Elem().Kind(); isArray(target) && (kind == reflect.Int8 || kind == reflect.Uint16) {
		if data, ok, err := prefixed(text); ok || err != nil {
			return setData(data, err, target)
		}
	}
	parts := splitText(text)
	out := reflect.MakeSlice(target.Type(), len(parts), len(parts))
	for i, p := range parts {
		var err error
		switch {
		case p == "null" && isArray(target):
			err = setNull(out.Index(i))
		case p == "null":
			err = errNull
		case isArray(target):
			err = convertItem(unescape(p), out.Index(i))
		default:
			err = convertItem(p, out.Index(i))
		}
		if err != nil {
			return err
		}
	}
	target.Set(out)
	return nil
}

func isArray(target reflect.Value) bool {
	_, ok := target.Interface().(javaArray)
	return ok
}

// prefixed reads what a byte or char array can be written as beside a list.
func prefixed(text string) (data []byte, ok bool, err error) {
	if s, found := strings.CutPrefix(text, "string:"); found {
		return []byte(s), true, nil
	}
	if s, found := strings.CutPrefix(text, "base64:"); found {
		data, err = base64.StdEncoding.DecodeString(s)
		return data, true, err
	}
	return nil, false, nil
}

func setData(data []byte, err error, target reflect.Value) error {
	out := reflect.MakeSlice(target.Type(), len(data), len(data))
	for i, b := range data {
		if out.Index(i).CanInt() {
			out.Index(i).SetInt(int64(int8(b)))
		} else {
			out.Index(i).SetUint(uint64(b))
		}
	}
	target.Set(out)
	return err
}

func unescape(s string) string { return strings.ReplaceAll(s, `\,`, ",") }

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
	switch {
	case target.Kind() == reflect.String && target.Type().PkgPath() == "":
		target.SetString(text)
		return nil
	case target.Kind() == reflect.Pointer:
		if text == "null" {
			return nil
		}
		target.Set(reflect.New(target.Type().Elem()))
		return convertItem(text, target.Elem())
	}
	return convertText(text, target)
}

func convertList(items []Value, env Env, target reflect.Value) error {
	switch target.Kind() {
	case reflect.Slice:
	case reflect.Bool: // which takes anything
		target.SetBool(false)
		return nil
	default:
		return errors.New("a list does not fit here")
	}
	out := reflect.MakeSlice(target.Type(), len(items), len(items))
	for i, item := range items {
		var err error
		if isArray(target) {
			err = arrayItem(item, env, out.Index(i))
		} else {
			err = listItem(item, env, out.Index(i))
		}
		if err != nil {
			return fmt.Errorf("item %d: %w", i+1, within(item.Pos(), err))
		}
	}
	target.Set(out)
	return nil
}

// listItem reads an item of a list: null is no item.
func listItem(item Value, env Env, target reflect.Value) error {
	if isBlock(item) {
		return convert(item, env, target)
	}
	if _, ok := item.(*List); ok {
		return convert(item, env, target)
	}
	v, err := item.Eval(env)
	if err != nil {
		return err
	}
	if v == nil || isNull(item) {
		return errNull
	}
	return convertItem(textOf(v), target)
}

// arrayItem reads an item of an array: text is converted, anything else is
// stored as it is and has to fit.
func arrayItem(item Value, env Env, target reflect.Value) error {
	v, err := item.Eval(env)
	if err != nil {
		return err
	}
	if s, ok := v.(string); ok && s != "null" {
		return convertItem(unescape(s), target)
	}
	if v == nil || v == "null" {
		return setNull(target)
	}
	if target.Kind() == reflect.Pointer {
		target.Set(reflect.New(target.Type().Elem()))
		target = target.Elem()
	}
	value := reflect.ValueOf(v)
	widened := value.Kind() == reflect.Int32 && target.Kind() == reflect.Int64
	if value.Type() != target.Type() && !widened {
		return errors.New("its kind does not fit this array: write it in quotes")
	}
	target.Set(value.Convert(target.Type()))
	return nil
}

// convertBlock reads a block into a map or a struct.
func convertBlock(b *Block, env Env, target reflect.Value) error {
	switch target.Kind() {
	case reflect.Map:
		out := reflect.MakeMap(target.Type())
		for _, e := range b.Entries {
			v := reflect.New(target.Type().Elem()).Elem()
			if err := mapValue(e.Value, env, v); err != nil {
				return fmt.Errorf("'%s': %w", e.Key, within(e.Value.Pos(), err))
			}
			out.SetMapIndex(reflect.ValueOf(unescape(e.Key)), v)
		}
		target.Set(out)
		return nil
	case reflect.Struct:
		into := target.Addr().Interface()
		unknown, err := Decode(b, nil, env, into)
		if len(unknown) > 0 {
			name := unknown[0].Key
			return &placed{unknown[0].Pos, fmt.Errorf("there is no property '%s' here", name), Suggest(name, Keys(into))}
		}
		if all, ok := errors.AsType[Errors](err); ok {
			return &placed{all[0].Pos, errors.New(all[0].Msg), all[0].Hint}
		}
		return err
	case reflect.Bool: // which takes anything
		target.SetBool(false)
		return nil
	case reflect.Slice:
		return convertParts(javaText(b), target)
	}
	return errors.New("a block in braces does not fit here")
}

// mapValue reads a map's value: text loses the backslashes in front of commas,
// and keeps its white space where text is wanted.
func mapValue(v Value, env Env, target reflect.Value) error {
	s, isScalar := v.(*Scalar)
	if !isScalar || !is[string](s.V) {
		return convert(v, env, target)
	}
	text := unescape(s.V.(string))
	elem := target.Type()
	if elem.Kind() == reflect.Pointer {
		elem = elem.Elem()
	}
	if elem.Kind() == reflect.String {
		return convertItem(text, target)
	}
	return convert(&Scalar{V: text, Quoted: true, pos: s.pos}, env, target)
}
