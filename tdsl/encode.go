package tdsl

import (
	"encoding"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Encode returns the properties of a Config struct as entries of a block, the
// reverse of [Decode], for people to read: secrets are stars, as many as they
// have characters, and of a JDBC URI the password is.
func Encode(config any) []Entry {
	v := reflect.ValueOf(config)
	var out []Entry
	for _, f := range fieldsOf(v.Type()) {
		name := f.name
		if name == "" {
			name = f.aliases[0]
		}
		value := encode(v.FieldByIndex(f.index))
		if f.secret {
			maskAll(value)
		}
		out = append(out, Entry{Key: name, Value: value})
	}
	return out
}

// jdbcPassword is the one secret in a JDBC URI.
var jdbcPassword = regexp.MustCompile(`([?&;](?:password|pass)=)([^&;]*)`)

// maskAll masks a text, or the texts of a list; what of a block is secret, its
// own fields say.
func maskAll(v Value) {
	switch x := v.(type) {
	case *Scalar:
		if text, ok := x.V.(string); ok {
			x.V = Masked(text, true)
		}
	case *List:
		for _, item := range x.Items {
			maskAll(item)
		}
	}
}

// Masked is a text for people to read: of a JDBC URI without its password, and
// only stars of a secret.
func Masked(text string, secret bool) string {
	if strings.HasPrefix(text, "jdbc:") {
		return jdbcPassword.ReplaceAllStringFunc(text, func(m string) string {
			name, value, _ := strings.Cut(m, "=")
			return name + "=" + strings.Repeat("*", len(value))
		})
	}
	if !secret {
		return text
	}
	return strings.Repeat("*", len([]rune(text)))
}

func encode(v reflect.Value) Value {
	if d, ok := v.Interface().(time.Duration); ok {
		return &Scalar{V: durationText(d)}
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		if text, err := m.MarshalText(); err == nil {
			return &Scalar{V: string(text)}
		}
	}
	switch v.Kind() {
	case reflect.String:
		return &Scalar{V: v.String()}
	case reflect.Bool:
		return &Scalar{V: v.Bool()}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if n := v.Int(); n == int64(int32(n)) {
			return &Scalar{V: int32(n)}
		}
		return &Scalar{V: v.Int()}
	case reflect.Float32, reflect.Float64:
		return &Scalar{V: v.Float()}
	case reflect.Slice:
		l := &List{}
		for i := range v.Len() {
			l.Items = append(l.Items, encode(v.Index(i)))
		}
		return l
	case reflect.Map:
		b := &Block{Active: true}
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			b.add(Entry{Key: k.String(), Value: encode(v.MapIndex(k))})
		}
		return b
	case reflect.Struct:
		return &Block{Active: true, Entries: Encode(v.Interface())}
	}
	return &Scalar{}
}
