package tdsl

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Types of Tigase's fields that have no counterpart in Go.

type enum string

func (e *enum) UnmarshalText(text []byte) error {
	for _, name := range []string{"alpha", "Beta", "GAMMA", "plain", "ssl"} {
		if name == string(text) || strings.EqualFold(name, string(text)) {
			*e = enum(name)
			return nil
		}
	}
	return errors.New("no such constant")
}

type enumSet []string

func (s *enumSet) UnmarshalText(text []byte) error {
	for part := range strings.SplitSeq(string(text), ",") {
		var e enum
		if err := e.UnmarshalText([]byte(trim(part))); err != nil {
			return err
		}
		*s = append(*s, string(e))
	}
	return nil
}

// list makes the type refuse a real list, as an EnumSet does.
type enumSetField struct{ enumSet }

type level string

func (l *level) UnmarshalText(text []byte) error {
	names := map[string]string{"800": "INFO", "900": "WARNING", "1000": "SEVERE", "700": "CONFIG", "500": "FINE", "400": "FINER", "300": "FINEST"}
	for number, name := range names {
		if string(text) == name || string(text) == number {
			*l = level(name)
			return nil
		}
	}
	if s := string(text); s == "ALL" || s == "OFF" {
		*l = level(s)
		return nil
	}
	if _, err := strconv.Atoi(string(text)); err == nil {
		*l = level(text)
		return nil
	}
	return errors.New("no level")
}

type address string

func (a *address) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return errors.New("no address")
	}
	*a = address(text)
	return nil
}

type bareAddress string

func (a *bareAddress) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return errors.New("no address")
	}
	bare, _, _ := strings.Cut(string(text), "/")
	*a = bareAddress(bare)
	return nil
}

type fileName string

func (f *fileName) UnmarshalText(text []byte) error { *f = fileName(text); return nil }

type char uint16

func (c *char) UnmarshalText(text []byte) error {
	if len([]rune(string(text))) != 1 {
		return errors.New("one character is expected")
	}
	*c = char([]rune(string(text))[0])
	return nil
}

// javaTypes are the types of the corpus and what they are here.
var javaTypes = map[string]reflect.Type{
	"String": reflect.TypeFor[*string](), "int": reflect.TypeFor[int32](), "Integer": reflect.TypeFor[*int32](), "long": reflect.TypeFor[int64](),
	"Long": reflect.TypeFor[*int64](), "double": reflect.TypeFor[float64](), "float": reflect.TypeFor[float32](), "boolean": reflect.TypeFor[bool](),
	"Boolean": reflect.TypeFor[*bool](), "short": reflect.TypeFor[int16](), "byte": reflect.TypeFor[int8](), "char": reflect.TypeFor[char](),
	"Level": reflect.TypeFor[level](), "E": reflect.TypeFor[enum](), "JID": reflect.TypeFor[address](), "BareJID": reflect.TypeFor[bareAddress](),
	"File": reflect.TypeFor[fileName](), "Pattern": reflect.TypeFor[*regexp.Regexp](), "Duration": reflect.TypeFor[time.Duration](),
	"CmdAcl": reflect.TypeFor[address](), "Object": reflect.TypeFor[any](),
	"String[]": reflect.TypeFor[Array[*string]](), "int[]": reflect.TypeFor[Array[int32]](), "Integer[]": reflect.TypeFor[Array[*int32]](),
	"long[]": reflect.TypeFor[Array[int64]](), "boolean[]": reflect.TypeFor[Array[bool]](), "byte[]": reflect.TypeFor[Array[int8]](),
	"char[]": reflect.TypeFor[Array[char]](), "JID[]": reflect.TypeFor[Array[address]](), "BareJID[]": reflect.TypeFor[Array[bareAddress]](), "E[]": reflect.TypeFor[Array[enum]](),
	"EnumSet<E>": reflect.TypeFor[enumSetField](),
}

// goType finds the type for a name of the corpus, taking collections and maps
// apart.
func goType(name string) (reflect.Type, error) {
	if t, ok := javaTypes[name]; ok {
		return t, nil
	}
	outer, inner, ok := strings.Cut(strings.TrimSuffix(name, ">"), "<")
	if !ok {
		return nil, fmt.Errorf("type %s is not known", name)
	}
	if strings.HasSuffix(outer, "Map") {
		_, value, _ := strings.Cut(inner, ", ")
		t, err := goType(value)
		if err == nil && outer == "ConcurrentHashMap" && t.Kind() == reflect.Pointer {
			return reflect.MapOf(reflect.TypeFor[string](), reflect.TypeFor[notNull]()), nil
		}
		return reflect.MapOf(reflect.TypeFor[string](), t), err
	}
	if inner == "String" {
		return reflect.TypeFor[[]string](), nil
	}
	t, err := goType(inner)
	if err == nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return reflect.SliceOf(t), err
}

// notNull is a string that cannot be null.
type notNull struct{ s string }

func (n *notNull) UnmarshalText(text []byte) error { n.s = string(text); return nil }

// shown is a converted value as the corpus shows it.
func shown(javaType string, v reflect.Value) any {
	switch x := v.Interface().(type) {
	case *regexp.Regexp:
		return x.String()
	case time.Duration:
		return durationText(x)
	case enumSetField:
		slices.Sort(x.enumSet)
		return shown("", reflect.ValueOf([]string(x.enumSet)))
	case notNull:
		return x.s
	case char:
		return string(rune(x))
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		if b, ok := v.Interface().(*Block); ok {
			out := map[string]any{}
			for _, e := range b.Entries {
				x, _ := e.Value.Eval(fixed)
				out[e.Key] = fmt.Sprint(x)
			}
			return out
		}
		return shown("", v.Elem())
	case reflect.Slice:
		out := []any{}
		for i := range v.Len() {
			x := shown("", v.Index(i))
			if strings.Contains(javaType, "Set<") && slices.Contains(out, x) {
				continue
			}
			out = append(out, x)
		}
		if strings.Contains(javaType, "Set<") {
			slices.SortFunc(out, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		return out
	case reflect.Map:
		out := map[string]any{}
		for _, k := range v.MapKeys() {
			out[k.String()] = shown(javaType, v.MapIndex(k))
		}
		return out
	case reflect.Bool:
		return v.Bool()
	case reflect.Float32, reflect.Float64:
		return javaFloat(v.Float(), v.Type().Bits())
	}
	return fmt.Sprint(v.Interface())
}

func TestConversions(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(corpus(t), "conversions.json"))
	if errors.Is(err, os.ErrNotExist) && os.Getenv("TPUSH_TDSL_CORPUS") != "" {
		return // a corpus of files only
	}
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Type   string
		TDSL   string
		Result any
		Error  bool
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, tc := range cases {
		typ, err := goType(tc.Type)
		if err != nil {
			t.Error(err)
			continue
		}
		f, err := Load("c", strings.NewReader(tc.TDSL))
		if err != nil {
			t.Fatal(err)
		}
		// A struct with the one field v, as Decode fills it.
		s := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "V", Type: typ, Tag: `tdsl:"v"`}}))
		_, err = Decode(&f.Root, nil, fixed, s.Interface())
		if (err != nil) != tc.Error {
			t.Errorf("%s from %q: error %v, want one: %v", tc.Type, tc.TDSL, err, tc.Error)
			continue
		}
		if err == nil {
			if got := shown(tc.Type, s.Elem().Field(0)); !reflect.DeepEqual(got, tc.Result) {
				t.Errorf("%s from %q: got %#v, want %#v", tc.Type, tc.TDSL, got, tc.Result)
			}
		}
	}
}
