package beans

import (
	"fmt"
	"slices"

	"github.com/tpush/tpush/tdsl"
)

// Dump returns the effective configuration, as Tigase's config-dump has it: the
// global values and plain maps with their variables calculated, and every bean
// with its class and all its properties, defaults included and secrets masked.
// Of a bean that this program does not build it has what the file says.
func (g *Graph) Dump(env tdsl.Env) *tdsl.File {
	f := &tdsl.File{Root: tdsl.Block{Active: true}}
	for _, e := range calculatedAll(g.Root.block.Entries, false, env) {
		if !g.Root.has(e.Key) {
			f.Root.Entries = append(f.Root.Entries, e)
		}
	}
	f.Root.Entries = append(f.Root.Entries, dumpBeans(g.Root.Children, env)...)
	return f
}

// calculatedAll calculates entries; secret ones are all of a map whose name is
// that of a secret, and items, which are connections with their passwords.
func calculatedAll(entries []tdsl.Entry, secret bool, env tdsl.Env) (out []tdsl.Entry) {
	for _, e := range entries {
		out = append(out, tdsl.Entry{Key: e.Key, Value: calculated(e.Value, secret || e.Key == "items" || tdsl.IsSecret(e.Key), env)})
	}
	return out
}

// calculated is a value without its variables, and with stars for a secret; one
// that cannot be calculated stays as it is written.
func calculated(v tdsl.Value, secret bool, env tdsl.Env) tdsl.Value {
	switch x := v.(type) {
	case *tdsl.Block:
		block := &tdsl.Block{Name: x.Name, Class: x.Class, HasClass: x.HasClass, Active: x.Active, Exportable: x.Exportable, Declared: x.Declared}
		block.Entries = calculatedAll(x.Entries, secret && !x.Declared, env)
		return block
	case *tdsl.List:
		list := &tdsl.List{}
		for _, item := range x.Items {
			list.Items = append(list.Items, calculated(item, secret, env))
		}
		return list
	}
	result, err := v.Eval(env)
	switch x := result.(type) {
	case string:
		result = tdsl.Masked(x, secret)
	case int32, int64, float32, float64:
		if secret {
			result = tdsl.Stars(fmt.Sprint(x))
		}
	}
	switch {
	case err == nil:
		return &tdsl.Scalar{V: result}
	case secret: // its parts may be written there
		return &tdsl.Scalar{V: "***"}
	}
	return v
}

// dumpProperties are all properties of a bean; a value that does not fit its
// property as it is written.
func dumpProperties(b *Bean, env tdsl.Env) []tdsl.Entry {
	out := tdsl.Encode(b.config)
	for i, e := range out {
		if v := b.lookup(e.Key); v != nil && slices.Contains(b.unfit, e.Key) {
			out[i].Value = calculated(v, tdsl.IsSecret(e.Key), env)
		}
	}
	return out
}

func dumpBeans(beans []*Bean, env tdsl.Env) (out []tdsl.Entry) {
	for _, b := range beans {
		block := &tdsl.Block{Name: b.Name, Active: b.State != Inactive, Declared: true}
		switch {
		case b.class == nil:
			block.Class, block.HasClass = b.block.Class, b.block.HasClass
		case len(b.class.aliases) > 0:
			block.Class, block.HasClass = b.class.aliases[0], true
		}
		if b.config != nil {
			block.Entries = dumpProperties(b, env)
		} else {
			block.Entries = calculatedAll(b.block.Entries, false, env)
		}
		block.Entries = append(block.Entries, dumpBeans(b.Children, env)...)
		out = append(out, tdsl.Entry{Key: b.Name, Value: block})
	}
	return out
}
