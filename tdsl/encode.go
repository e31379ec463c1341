package tdsl

import (
	"encoding"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

// Encode returns the properties of a Config struct as entries of a block, the
// reverse of [Decode], for people to read: secrets are stars, as many as they
// have characters, and so is the password in an address.
func Encode(config any) []Entry {
	v := reflect.ValueOf(config)
	var out []Entry
	for _, f := range fieldsOf(v.Type()) {
		name := f.name
		if name == "" {
			name = f.aliases[0]
		}
		value := encode(v.FieldByIndex(f.index))
		maskAll(value, f.secret)
		out = append(out, Entry{Key: name, Value: value})
	}
	return out
}

// SecretKeys matches the names of values that are not for showing, as part of a
// regular expression: what Tigase's and our own properties, and the parameters
// of addresses are called.
const SecretKeys = `(?i:pass?-?w(?:or)?d|passphrase|\bpass|pwd|secret|token|credential|(?:server|api|private|access)-?key)`

var secretKey = regexp.MustCompile(SecretKeys)

// IsSecret reports whether a value of this name is not for showing.
func IsSecret(key string) bool { return secretKey.MatchString(key) }

// passwords are the secrets in an address: a parameter of a JDBC URI, and what
// stands between a user's name and the host.
var passwords = []*regexp.Regexp{
	regexp.MustCompile(`(?i)([?&;](?:password|pass|pwd)=)([^&;]*)()`),
	regexp.MustCompile(`(://[^:@/\s'"]*:)([^\s'"]*)(@)`),
}

// withoutPasswords is a text with stars in place of the passwords of the
// addresses in it.
func withoutPasswords(text string) string {
	for _, password := range passwords {
		text = password.ReplaceAllStringFunc(text, func(s string) string {
			m := password.FindStringSubmatch(s)
			return m[1] + Stars(m[2]) + m[3]
		})
	}
	return text
}

// Stars are as many as a text has UTF-16 units, so that places behind it stay.
func Stars(text string) string { return strings.Repeat("*", len(utf16.Encode([]rune(text)))) }

// maskAll masks a text, or the texts of a list; what of a block is secret, its
// own fields say.
func maskAll(v Value, secret bool) {
	switch x := v.(type) {
	case *Scalar:
		if text, ok := x.V.(string); ok {
			x.V = Masked(text, secret)
		}
	case *List:
		for _, item := range x.Items {
			maskAll(item, secret)
		}
	case *Block:
		for _, e := range x.Entries {
			maskAll(e.Value, false)
		}
	}
}

// Masked is a text for people to read: only stars of a secret; but of an address
// with a password in it, all but that.
func Masked(text string, secret bool) string {
	if shown := withoutPasswords(text); shown != text || !secret || strings.HasPrefix(text, "jdbc:") {
		return shown
	}
	return Stars(text)
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
