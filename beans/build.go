package beans

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strings"

	"github.com/tpush/tpush/tdsl"
)

// Graph is what a configuration makes of the program.
type Graph struct {
	Root     *Bean
	Findings Findings
	Started  func() // called by Run when everything is started; may be nil

	order  []*Bean // as built
	failed []*Bean // whose build function failed
	broken []*Bean // that are [Broken]
	ctx    context.Context
	log    *slog.Logger
}

// Build makes the beans of a file. Activate names beans, by their paths, that
// are served although the file says active: false. The error is an [*Error] of
// a bean that the program cannot do without; then everything is closed again.
// The graph is returned in any case: it shows what failed.
func Build(ctx context.Context, f *tdsl.File, env tdsl.Env, classes []Class, l *slog.Logger, activate ...string) (*Graph, error) {
	p := &plan{classes: classes, env: env, activate: activate}
	g := &Graph{ctx: ctx, log: l}
	g.Root = p.root(f)
	g.Findings = p.findings
	err := g.all(g.Root)
	for _, b := range g.failed {
		if !b.class.critical && !errors.Is(err, b.Reason) {
			tell(l, "a bean is absent because it cannot be built", b)
		}
	}
	for _, b := range g.broken {
		tell(l, "a bean starts although it cannot do its work yet", b)
	}
	if err != nil {
		err = errors.Join(err, g.Close())
	}
	return g, err
}

// tell logs all that is wrong with a bean.
func tell(l *slog.Logger, what string, b *Bean) {
	for _, e := range b.fault(b.Reason).Parts() {
		l.Error(what, "bean", b.Path(), "err", e)
	}
}

// Broken is a bean that can be built without being able to do its work yet: it
// tells why, or nil when all is well. What it stands for is not absent.
type Broken interface{ Broken() error }

// Failed returns the beans that cannot be built, and those that start broken,
// as [*Error] values.
func (g *Graph) Failed() (out []*Error) {
	for _, b := range slices.Concat(g.failed, g.broken) {
		out = append(out, b.fault(b.Reason))
	}
	return out
}

// all builds what is below a bean, each before its children; parents have
// asked for most of them by then. The error is the first of a bean that the
// program cannot do without; the others, and what is below it, are built all the
// same, so that everything that is wrong is known.
func (g *Graph) all(b *Bean) (first error) {
	for _, child := range b.Children {
		if child.State != Active && child.State != Failed || child.class == nil {
			continue
		}
		if _, err := g.get(child); err != nil && child.class.critical && first == nil {
			first = err
		}
		g.other(child)
		if child.State != Active && !child.class.critical {
			continue
		}
		if err := g.all(child); first == nil {
			first = err
		}
	}
	return first
}

// get returns a bean, built at its first use.
func (g *Graph) get(b *Bean) (any, error) {
	switch {
	case b.State == Failed:
		return nil, b.fault(b.Reason)
	case b.State != Active:
		return nil, &Error{Bean: b.Path(), Pos: b.Pos, Err: errors.New(string(b.State))}
	case b.built != nil:
		return b.built, nil
	case b.building:
		return nil, &Error{Bean: b.Path(), Pos: b.Pos, Err: fmt.Errorf("it needs itself: %s", strings.Join(g.cycle(b, b, nil), " → "))}
	}
	b.building = true
	c := &Context{graph: g, bean: b, log: g.log}
	built, err := b.class.build(c, b.config)
	b.building = false
	if err != nil {
		b.State, b.Reason = Failed, err
		g.failed = append(g.failed, b)
		return nil, b.fault(err)
	}
	b.built = built
	g.order = append(g.order, b)
	if broken, ok := built.(Broken); ok {
		if b.Reason = broken.Broken(); b.Reason != nil {
			g.broken = append(g.broken, b)
		}
	}
	return built, nil
}

// cycle names the beans from one to itself, along what each has asked for.
func (g *Graph) cycle(from, to *Bean, seen []string) []string {
	path := append(seen[:len(seen):len(seen)], from.Path())
	for _, next := range from.Needs {
		if next == to {
			return append(path, to.Path())
		}
		if next.building {
			return g.cycle(next, to, path)
		}
	}
	return path
}

// Close closes the beans that have a Close method in reverse order of building.
func (g *Graph) Close() error {
	var errs []error
	for i := len(g.order) - 1; i >= 0; i-- {
		if c, ok := g.order[i].built.(io.Closer); ok {
			if err := c.Close(); err != nil {
				errs = append(errs, &Error{Bean: g.order[i].Path(), Pos: g.order[i].Pos, Err: fmt.Errorf("close: %w", err)})
			}
		}
	}
	g.order = nil
	return errors.Join(errs...)
}

// Context is what a class's build function sees of the graph.
type Context struct {
	graph *Graph
	bean  *Bean
	log   *slog.Logger
}

// Name is the bean's name.
func (c *Context) Name() string { return c.bean.Name }

// Context ends when the building is given up.
func (c *Context) Context() context.Context { return c.graph.ctx }

// Logger writes with the bean's path.
func (c *Context) Logger() *slog.Logger { return c.log.With("bean", c.bean.Path()) }

// Left names the bean's own children that are not served, as the file switches
// them off or their class is not known.
func (c *Context) Left() (out []string) {
	for _, b := range c.bean.Children {
		if b.State != Active {
			out = append(out, b.Name)
		}
	}
	return out
}

// Broken reports whether a child of the bean is in the file and absent.
func (c *Context) Broken() bool {
	return slices.ContainsFunc(c.bean.Children, func(b *Bean) bool { return b.State == Failed || b.State == Unknown })
}

func (c *Context) need(b *Bean) (any, error) {
	c.bean.Needs = append(c.bean.Needs, b)
	return c.graph.get(b)
}

// among returns the beans of a scope that are a T; also those that failed, as
// asking for them tells why.
func among[T any](beans []*Bean) (out []*Bean) {
	t := reflect.TypeFor[T]()
	for _, b := range beans {
		if (b.State == Active || b.State == Failed) && b.class != nil && b.class.typ.AssignableTo(t) {
			out = append(out, b)
		}
	}
	return out
}

// One returns the only T of the nearest scope that has any: the bean's own
// children, its siblings, and so on outwards.
func One[T any](c *Context) (T, error) {
	var none T
	for at := c.bean; at != nil; at = at.parent {
		scope := at.Children
		if at != c.bean {
			scope = without(scope, c.bean)
		}
		switch found := among[T](scope); len(found) {
		case 0:
			continue
		case 1:
			v, err := c.need(found[0])
			if err != nil {
				return none, err
			}
			return v.(T), nil
		default:
			return none, fmt.Errorf("'%s' and '%s' are both possible here: name the one that is meant", found[0].Path(), found[1].Path())
		}
	}
	return none, fmt.Errorf("there is no bean that is a %s", reflect.TypeFor[T]())
}

func without(beans []*Bean, b *Bean) (out []*Bean) {
	for _, x := range beans {
		if x != b {
			out = append(out, x)
		}
	}
	return out
}

// Named returns the bean of that path below the global scope.
func Named[T any](c *Context, path string) (T, error) {
	var none T
	at := c.graph.Root
	for name := range strings.SplitSeq(path, "/") {
		var next *Bean
		for _, child := range at.Children {
			if child.Name == name {
				next = child
			}
		}
		if next == nil {
			return none, fmt.Errorf("there is no bean '%s'", path)
		}
		at = next
	}
	v, err := c.need(at)
	if err != nil {
		return none, err
	}
	t, ok := v.(T)
	if !ok {
		return none, fmt.Errorf("bean '%s' is no %s", path, reflect.TypeFor[T]())
	}
	return t, nil
}

// All returns the bean's own children that are a T, in the file's order. One
// that fails is left out, unless the program cannot do without it.
func All[T any](c *Context) ([]T, error) { return each[T](c, c.bean.Children) }

// Siblings is All for the beans beside the one that asks.
func Siblings[T any](c *Context) ([]T, error) {
	return each[T](c, without(c.bean.parent.Children, c.bean))
}

func each[T any](c *Context, beans []*Bean) (out []T, err error) {
	for _, b := range among[T](beans) {
		v, err := c.need(b)
		switch {
		case err == nil:
			out = append(out, v.(T))
		case b.class.critical:
			return nil, err
		}
	}
	return out, nil
}
