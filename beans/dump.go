package beans

import (
	"strings"

	"github.com/tpush/tpush/tdsl"
)

// Dump returns the effective configuration, as Tigase's config-dump has it: the
// global values with their variables calculated, and every bean with its class
// and all its properties, defaults included and secrets masked.
func (g *Graph) Dump(env tdsl.Env) *tdsl.File {
	f := &tdsl.File{Root: tdsl.Block{Active: true}}
	for _, e := range g.Root.block.Entries {
		if _, ok := e.Value.(*tdsl.Block); !ok {
			f.Root.Entries = append(f.Root.Entries, tdsl.Entry{Key: e.Key, Value: calculated(e, env)})
		}
	}
	f.Root.Entries = append(f.Root.Entries, dumpBeans(g.Root.Children)...)
	return f
}

// calculated is a global value without its variables; one that cannot be
// calculated stays as it is written.
func calculated(e tdsl.Entry, env tdsl.Env) tdsl.Value {
	v, err := e.Value.Eval(env)
	if err != nil {
		return e.Value
	}
	if s, ok := v.(string); ok && strings.Contains(strings.ToLower(e.Key), "pass") {
		v = strings.Repeat("*", len(s))
	}
	if _, ok := v.([]any); ok {
		return e.Value
	}
	return &tdsl.Scalar{V: v}
}

func dumpBeans(beans []*Bean) (out []tdsl.Entry) {
	for _, b := range beans {
		block := &tdsl.Block{Name: b.Name, Active: b.State != Inactive, Declared: true}
		switch {
		case b.class == nil:
			block.Class, block.HasClass = b.block.Class, b.block.HasClass
		case len(b.class.aliases) > 0:
			block.Class, block.HasClass = b.class.aliases[0], true
		}
		if b.config != nil {
			block.Entries = tdsl.Encode(b.config)
		}
		block.Entries = append(block.Entries, dumpBeans(b.Children)...)
		out = append(out, tdsl.Entry{Key: b.Name, Value: block})
	}
	return out
}
