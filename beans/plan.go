package beans

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tpush/tpush/tdsl"
)

// State is what became of a bean.
type State string

// States.
const (
	Active   State = "active"
	Inactive State = "inactive" // active: false
	Failed   State = "failed"
	Unknown  State = "unknown class"
	Foreign  State = "left to the server" // a bean of Tigase's own
)

// Bean is a node of the graph.
type Bean struct {
	Name     string
	State    State
	Reason   error // why it failed
	Pos      tdsl.Pos
	Default  bool // not in the file
	Children []*Bean
	Needs    []*Bean // what it asked for when it was built

	class    *Class
	block    *tdsl.Block
	parent   *Bean
	config   any
	unfit    []string // properties whose values do not fit: config has their defaults
	built    any
	building bool
}

// Class is the name of the bean's class, empty for the root.
func (b *Bean) Class() string {
	if b.class == nil {
		return ""
	}
	return b.class.name
}

// Config is the struct that the bean's block was decoded into; nil for a bean
// that is not active.
func (b *Bean) Config() any { return b.config }

// Built is what the class made of the bean; nil for one that is not active.
func (b *Bean) Built() any { return b.built }

// Place is where a property of the bean is set, in its own block or around it;
// the bean's own place when it is nowhere.
func (b *Bean) Place(property string) tdsl.Pos {
	if v := b.lookup(property); v != nil {
		return v.Pos()
	}
	return b.Pos
}

// lookup is the value of a property in the bean's own block or around it.
func (b *Bean) lookup(property string) tdsl.Value {
	for at := b; at != nil; at = at.parent {
		if v := at.block.Lookup(property); v != nil {
			return v
		}
	}
	return nil
}

// place is where what is wrong with the bean stands: a message that begins with
// the name of a property is about that one, one that begins with PROPERTY[2]
// about the second item of its list.
func (b *Bean) place(err error) tdsl.Pos {
	property, _, _ := strings.Cut(err.Error(), ":")
	property, item, _ := strings.Cut(strings.TrimSuffix(property, "]"), "[")
	list, isList := b.block.Lookup(property).(*tdsl.List)
	if n, err := strconv.Atoi(item); err == nil && isList && n > 0 && n <= len(list.Items) {
		return list.Items[n-1].Pos()
	}
	return b.Place(property)
}

// fault is an error of the bean.
func (b *Bean) fault(err error) *Error { return &Error{b.Path(), b.place(err), err, b} }

// Path is the bean's name behind those of the beans around it.
func (b *Bean) Path() string {
	if b.parent == nil || b.parent.parent == nil {
		return b.Name
	}
	return b.parent.Path() + "/" + b.Name
}

// has reports whether there is a bean of that path below.
func (b *Bean) has(path string) bool {
	return slices.ContainsFunc(b.Children, func(c *Bean) bool { return c.Path() == path || c.has(path) })
}

// scope is the chain of blocks around the bean, the global one first.
func (b *Bean) scope() []*tdsl.Block {
	if b.parent == nil {
		return nil
	}
	return append(b.parent.scope(), b.parent.block)
}

// plan is the graph before anything is built.
type plan struct {
	classes  table
	env      tdsl.Env
	activate []string
	findings Findings
}

func (p *plan) find(s Severity, b *Bean, pos tdsl.Pos, hint, format string, args ...any) {
	p.findings = append(p.findings, Finding{s, pos, b.Path(), fmt.Sprintf(format, args...), hint})
}

// Check decodes everything in a file and builds nothing.
func Check(f *tdsl.File, env tdsl.Env, classes []Class) Findings {
	p := &plan{classes: classes, env: env}
	p.root(f)
	return p.findings
}

func (p *plan) root(f *tdsl.File) *Bean {
	for _, w := range f.Warnings {
		p.findings = append(p.findings, Finding{Warning, w.Pos, "", w.Msg, w.Hint})
	}
	root := &Bean{State: Active, block: &f.Root}
	p.children(root)
	for _, name := range p.activate {
		if !root.has(name) {
			p.find(Warning, root, tdsl.Pos{}, "", "there is no bean '%s' to activate", name)
		}
	}
	return root
}

// children plans the beans that a block defines, then those that are there
// without being named.
func (p *plan) children(parent *Bean) {
	for _, e := range parent.block.Entries {
		if block, ok := e.Value.(*tdsl.Block); ok {
			p.child(parent, e, block)
		}
	}
	p.short(parent)
	for _, name := range p.classes.defaultsBelow(parent.class) {
		if !slices.ContainsFunc(parent.Children, func(b *Bean) bool { return b.Name == name }) {
			b := &Bean{Name: name, State: Active, Default: true, class: p.classes.forBean(parent.class, name), block: &tdsl.Block{Name: name, Active: true}, parent: parent}
			p.add(parent, b)
		}
	}
}

func (p *plan) child(parent *Bean, e tdsl.Entry, block *tdsl.Block) {
	b := &Bean{Name: e.Key, State: Active, Pos: e.Pos, block: block, parent: parent}
	if block.HasClass {
		b.class = p.classes.named(block.Class)
	} else {
		b.class = p.classes.forBean(parent.class, e.Key)
	}
	switch {
	case !block.Declared && !p.countsWithoutParentheses(parent, e.Key):
		if b.class != nil {
			p.find(Warning, b, e.Pos, "write "+quoted(e.Key)+" () {", "'%s' is configured but not switched on", e.Key)
		}
		return
	case !block.Active && !slices.Contains(p.activate, b.Path()):
		b.State = Inactive
	case b.class == nil && foreign(b, block):
		b.State = Foreign
		p.find(Note, b, e.Pos, "", "bean '%s' is left to the server", b.Path())
	case b.class == nil && block.HasClass:
		b.State = Unknown
		p.find(Warning, b, e.Pos, tdsl.Suggest(block.Class, p.classes.classNames()), "unknown class %s: bean '%s' is absent", block.Class, b.Path())
	case b.class == nil:
		b.State = Unknown
		p.find(Warning, b, e.Pos, tdsl.Suggest(e.Key, p.classes.beansBelow(parent.class)), "there is no class for a bean named '%s' here: it is absent", b.Path())
	}
	p.add(parent, b)
}

// quoted is a name as it can be written in front of parentheses.
func quoted(name string) string {
	if strings.ContainsAny(name, ":=,.- /") {
		return "'" + name + "'"
	}
	return name
}

// short plans the beans of a property 'beans', Tigase's old short form: a and +a
// stand for a () {}, -a for a (active: false) {}. One that has a block, too, is
// a mistake.
func (p *plan) short(parent *Bean) {
	list := parent.block.Lookup("beans")
	if list == nil {
		return
	}
	var config struct {
		Beans []string `tdsl:"beans"`
	}
	if _, err := tdsl.Decode(parent.block, nil, p.env, &config); err != nil {
		p.find(Fault, parent, list.Pos(), "", "%v", err)
		return
	}
	for _, word := range config.Beans {
		name := strings.TrimLeft(strings.TrimSpace(word), "+-")
		if name == "" {
			continue
		}
		if _, twice := parent.block.Lookup(name).(*tdsl.Block); twice {
			p.find(Fault, parent, list.Pos(), "take it out of 'beans'", "'%s' is in 'beans' and has a block", name)
			continue
		}
		block := &tdsl.Block{Name: name, Declared: true, Active: !strings.HasPrefix(strings.TrimSpace(word), "-"), At: list.Pos()}
		p.child(parent, tdsl.Entry{Key: name, Value: block, Pos: list.Pos()}, block)
	}
}

// countsWithoutParentheses reports whether a plain map is a bean's: below a
// bean that says so, and for one that is there anyway.
func (p *plan) countsWithoutParentheses(parent *Bean, name string) bool {
	return parent.class != nil && parent.class.children != "" ||
		slices.Contains(p.classes.defaultsBelow(parent.class), name)
}

// add decodes a bean's block and plans its children.
func (p *plan) add(parent, b *Bean) {
	parent.Children = append(parent.Children, b)
	if b.State != Active {
		return
	}
	p.children(b)
	config, unknown, err := b.class.decode(b.block, b.scope(), p.env)
	b.config = config
	for _, e := range unknown {
		p.unknown(b, e)
	}
	if err == nil {
		return
	}
	b.State, b.Reason = Failed, err
	var all tdsl.Errors
	if !errors.As(err, &all) {
		p.find(Fault, b, b.Pos, "", "%v", err)
	}
	for _, e := range all {
		b.unfit = append(b.unfit, e.Key)
		p.find(Fault, b, e.Pos, e.Hint, "%s: %s", b.Path(), e.Msg)
	}
}

// unknown warns of a property that the bean does not take, but not where Tigase
// is silent on purpose.
func (p *plan) unknown(b *Bean, e tdsl.Entry) {
	switch e.Key {
	case "name", "class", "beans":
		return
	}
	if _, isBlock := e.Value.(*tdsl.Block); isBlock && p.classes.forBean(b.class, e.Key) != nil {
		return // has been warned of
	}
	if slices.Contains(b.class.ignored, e.Key) {
		p.find(Note, b, e.Pos, "", "'%s' of '%s' has no meaning in this program", e.Key, b.Path())
		return
	}
	isBean := slices.ContainsFunc(b.Children, func(c *Bean) bool { return c.Name == e.Key })
	if isBean || strings.Contains(e.Key, "/") {
		return
	}
	p.find(Warning, b, e.Pos, tdsl.Suggest(e.Key, b.class.keys), "'%s' has no property '%s': it has no effect", b.Path(), e.Key)
}
