package tdsl

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// javaText is the text of a value as Java's toString gives it, which Tigase
// takes where a list or a block stands for a key or for an argument of a
// variable. Variables and calculations are object identities there, which
// nothing can give back.
func javaText(v Value) string {
	switch x := v.(type) {
	case *Scalar:
		if x.V == nil {
			return "null"
		}
		return textOf(x.V)
	case *List:
		items := make([]string, len(x.Items))
		for i, item := range x.Items {
			items[i] = javaText(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case *Block:
		entries := make([]string, len(x.Entries))
		for i, e := range hashOrder(x.Entries) {
			entries[i] = e.Key + "=" + javaText(e.Value)
		}
		text := strings.Join(entries, ", ") + "}"
		if !x.Declared {
			return "{" + text
		}
		class := "null"
		if x.HasClass {
			class = x.Class
		}
		return fmt.Sprintf("BeanConfig{beanName='%s', clazz=%s, exportable=%t, active=%t, props=[%s", x.Name, class, x.Exportable, x.Active, text)
	case *Variable:
		return x.name()
	}
	return "calculation"
}

// hashOrder returns entries in the order in which a Java HashMap gives them: by
// the low bits of their keys' hashes, as many as its table needs.
func hashOrder(entries []Entry) []Entry {
	table := 16
	for len(entries)*4 > table*3 {
		table *= 2
	}
	bucket := func(key string) int {
		var h int32
		for _, unit := range utf16.Encode([]rune(key)) {
			h = 31*h + int32(unit)
		}
		return int((uint32(h) ^ uint32(h)>>16) & uint32(table-1))
	}
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b Entry) int { return cmp.Compare(bucket(a.Key), bucket(b.Key)) })
	return sorted
}
