// Package beans is the container: it turns the blocks of a configuration into
// a graph of objects. A class says which struct a block is decoded into and how
// a bean is built from it; beans are built when they are asked for, run
// together, and are closed in reverse order.
//
// It knows no class itself: they are given to it in a table.
package beans

import (
	"reflect"
	"strings"

	"github.com/tpush/tpush/tdsl"
)

// Class is how beans of one kind are made.
type Class struct {
	name     string
	aliases  []string
	beans    []place // beans that are of this class without saying so
	defaults []place // beans that are there without being named
	children string  // class of children that name none; then plain maps count, too
	critical bool
	ignored  []string // properties that mean nothing here
	typ      reflect.Type
	keys     []string
	config   any // a C with its defaults
	decode   func(*tdsl.Block, []*tdsl.Block, tdsl.Env) (config any, unknown []tdsl.Entry, err error)
	build    func(*Context, any) (any, error)
}

// Config is the struct that blocks of the class are decoded into, with its
// defaults.
func (c *Class) Config() any { return c.config }

// Name is the class's name here.
func (c *Class) Name() string { return c.name }

// Names are those that a configuration can give as class.
func (c *Class) Names() []string { return c.aliases }

// Places are the beans that are of this class without saying so: their names,
// behind the class of the bean around them and a slash.
func (c *Class) Places() (out []string) {
	for _, p := range c.beans {
		out = append(out, strings.TrimPrefix(p.parent+"/"+p.bean, "/"))
	}
	return out
}

// place is a bean's name below a bean of a class; below "" is the global scope.
type place struct{ parent, bean string }

// Option adds to a class.
type Option func(*Class)

// Define makes a class: blocks are decoded over the defaults into a C (its
// fields tagged as package tdsl wants), of which build makes a bean of type B.
// Building opens nothing that lasts beyond Close; what takes time or dials
// belongs to [Runner].
func Define[C, B any](name string, defaults C, build func(*Context, C) (B, error), opts ...Option) Class {
	c := Class{
		name:   name,
		typ:    reflect.TypeFor[B](),
		keys:   tdsl.Keys(new(C)),
		config: defaults,
		decode: func(b *tdsl.Block, scope []*tdsl.Block, env tdsl.Env) (any, []tdsl.Entry, error) {
			config := defaults
			unknown, err := tdsl.Decode(b, scope, env, &config)
			return config, unknown, err
		},
		build: func(ctx *Context, config any) (any, error) { return build(ctx, config.(C)) },
	}
	for _, o := range opts {
		o(&c)
	}
	return c
}

// Alias gives a class further names: those of Tigase's Java classes.
func Alias(names ...string) Option { return func(c *Class) { c.aliases = append(c.aliases, names...) } }

// For makes the class that of the bean of that name below a parent of that
// class, when its block names no class.
func For(parentClass, bean string) Option {
	return func(c *Class) { c.beans = append(c.beans, place{parentClass, bean}) }
}

// Default is For, and the bean is there without being named, unless its block
// says active: false. A plain map of its name has its properties.
func Default(parentClass, bean string) Option {
	return func(c *Class) {
		c.beans = append(c.beans, place{parentClass, bean})
		c.defaults = append(c.defaults, place{parentClass, bean})
	}
}

// Children makes every child of the bean that names no class one of that class,
// written with parentheses or without.
func Children(class string) Option { return func(c *Class) { c.children = class } }

// Critical makes the failure of a bean the failure of the program; without it a
// bean that fails is absent.
func Critical() Option { return func(c *Class) { c.critical = true } }

// Ignores names properties that beans of the class have in Tigase and that mean
// nothing here: nobody is warned of them.
func Ignores(properties ...string) Option {
	return func(c *Class) { c.ignored = append(c.ignored, properties...) }
}

// table finds classes.
type table []Class

func (t table) named(name string) *Class {
	for i := range t {
		c := &t[i]
		if c.name == name {
			return c
		}
		for _, a := range c.aliases {
			if a == name {
				return c
			}
		}
	}
	return nil
}

// forBean finds the class of a bean that names none.
func (t table) forBean(parent *Class, name string) *Class {
	parentName := ""
	if parent != nil {
		parentName = parent.name
	}
	for i := range t {
		for _, p := range t[i].beans {
			if p.parent == parentName && p.bean == name {
				return &t[i]
			}
		}
	}
	if parent != nil && parent.children != "" {
		return t.named(parent.children)
	}
	return nil
}

// defaultsBelow are the names of the beans that are there without being named.
func (t table) defaultsBelow(parent *Class) []string {
	parentName := ""
	if parent != nil {
		parentName = parent.name
	}
	var out []string
	for i := range t {
		for _, p := range t[i].defaults {
			if p.parent == parentName {
				out = append(out, p.bean)
			}
		}
	}
	return out
}

// beansBelow are the names that a bean below a parent can have without naming
// its class.
func (t table) beansBelow(parent *Class) []string {
	parentName := ""
	if parent != nil {
		parentName = parent.name
	}
	var out []string
	for i := range t {
		for _, p := range t[i].beans {
			if p.parent == parentName {
				out = append(out, p.bean)
			}
		}
	}
	return out
}

// classNames are all names that a class attribute can have.
func (t table) classNames() []string {
	var out []string
	for i := range t {
		out = append(out, t[i].aliases...)
	}
	return out
}
