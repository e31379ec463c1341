package main

import (
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/tdsl"
)

// The reference page is made from the Config structs: their tags, defaults and
// comments, and from a configuration that has an example of everything.
const (
	referencePage     = "docs/reference.md"
	referenceExamples = "testdata/reference/examples.tdsl"
	referencePlan     = "testdata/reference/plan.md"
)

// reference makes the page and collects what keeps it from being complete.
type reference struct {
	file  *tdsl.File
	graph *beans.Graph
	lines []string // of the examples
	docs  comments
	out   strings.Builder
	wrong []string
}

func newReference(t *testing.T) *reference {
	t.Helper()
	text, err := os.ReadFile(referenceExamples)
	if err != nil {
		t.Fatal(err)
	}
	file, err := tdsl.Load(referenceExamples, strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	// The files that it names are not there: beans fail, but they are planned.
	env := tdsl.Env{Var: func(string) (string, bool) { return "x", true }}
	g, _ := beans.Build(t.Context(), file, env, classes(t.TempDir()), slog.New(slog.DiscardHandler))
	t.Cleanup(func() { g.Close() })
	for _, f := range g.Findings {
		if f.Severity != beans.Note {
			t.Errorf("%s: %s", f.Pos, f.Msg)
		}
	}
	return &reference{file: file, graph: g, lines: strings.Split(string(text), "\n"), docs: newComments(t)}
}

func (r *reference) fault(format string, args ...any) {
	r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
}

const referenceHead = `# Reference: every bean and property

This page is made from the program. What stands under a bean's name goes into its block in ` + "`config.tdsl`" + `:

` + "```" + `
push () {
    contentless = 'silent'
}
` + "```" + `

A property marked *any scope* may also stand in a block around it, or at the top of the file; it then counts for all
blocks inside. Files are looked for below the home folder (the working directory, or ` + "`--home`" + `). A duration is
written as in ISO 8601: ` + "`PT10S`, `PT1H`, `P7D`" + `. Values marked *secret* are never shown; they can be taken from the
environment: ` + "`env('NAME')`" + `.

A bean that this page does not have is left to the Tigase server whose file it is, as are values at the top of the file
such as ` + "`cluster-mode`" + `. A property that a bean does not have is warned of and has no effect.
`

func (r *reference) page() string {
	r.out.WriteString(referenceHead)
	table := classes("")
	for i := range table {
		class := &table[i]
		if reflect.TypeOf(class.Config()).NumField() > 0 {
			r.class(class)
		}
	}
	return r.out.String()
}

// class writes the section of one class.
func (r *reference) class(c *beans.Class) {
	b := planned(r.graph.Root, c.Name())
	if b == nil {
		r.fault("%s has no bean of class %q", referenceExamples, c.Name())
		return
	}
	fmt.Fprintf(&r.out, "\n## %s: `%s`\n\n", strings.ToUpper(c.Name()[:1])+c.Name()[1:], b.Path())
	if names := c.Names(); len(names) > 0 {
		fmt.Fprintf(&r.out, "A bean of another name is one of these with `(class: %s)`.\n\n", names[0])
	}
	r.out.WriteString("| property | type | default | example | meaning |\n|---|---|---|---|---|\n")
	for _, p := range propertiesOf(reflect.TypeOf(c.Config())) {
		def := reflect.ValueOf(c.Config()).FieldByIndex(p.index)
		r.row(p, show(def), r.example(b, p))
		for _, inner := range propertiesOf(elem(p.typ)) {
			inner.key = p.key + "[]." + inner.key
			r.row(inner, "", "")
		}
	}
}

func (r *reference) row(p property, def, example string) {
	text, ok := r.docs.of(p)
	if !ok {
		r.fault("%s.%s (property %s) has no comment that the page could show", p.owner, p.field, p.key)
	}
	kind := typeName(p.typ)
	if p.secret {
		kind += ", *secret*"
	}
	if p.also != "" {
		kind += ", also `" + p.also + "`"
	}
	if p.anyScope {
		kind += ", *any scope*"
	}
	fmt.Fprintf(&r.out, "| `%s` | %s | %s | %s | %s |\n", p.key, kind, code(def), code(example), strings.ReplaceAll(text, "|", `\|`))
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(s, "|", `\|`) + "`"
}

// example is the value that the examples have for a property.
func (r *reference) example(b *beans.Bean, p property) string {
	block := &r.file.Root
	for name := range strings.SplitSeq(b.Path(), "/") {
		next, ok := block.Lookup(name).(*tdsl.Block)
		if !ok {
			r.fault("%s has no block %s", referenceExamples, b.Path())
			return ""
		}
		block = next
	}
	for _, from := range []*tdsl.Block{block, &r.file.Root} {
		for _, e := range from.Entries {
			if e.Key != p.key {
				continue
			}
			line := r.lines[e.Pos.Line-1]
			if _, value, ok := strings.Cut(line, " = "); ok {
				return strings.TrimSpace(value)
			}
			return strings.TrimSpace(line[strings.Index(line, "{"):])
		}
	}
	r.fault("%s has no example of %s in %s", referenceExamples, p.key, b.Path())
	return ""
}

// planned finds the first bean of a class.
func planned(b *beans.Bean, class string) *beans.Bean {
	for _, child := range b.Children {
		if child.Class() == class && !child.Default {
			return child
		}
		if found := planned(child, class); found != nil {
			return found
		}
	}
	return nil
}

// show is a default as it would be written.
func show(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return isoDuration(x)
	case bool:
		return fmt.Sprint(x)
	case string:
		if x == "" {
			return ""
		}
		return "'" + x + "'"
	}
	if v.Kind() == reflect.Int {
		return fmt.Sprint(v.Int())
	}
	if v.Kind() == reflect.Slice && v.Len() > 0 {
		return fmt.Sprintf("[ '%s' ]", strings.Join(v.Convert(reflect.TypeFor[[]string]()).Interface().([]string), "', '"))
	}
	return ""
}

func isoDuration(d time.Duration) string {
	if day := 24 * time.Hour; d > 0 && d%day == 0 {
		return fmt.Sprintf("P%dD", d/day)
	}
	return "PT" + strings.ToUpper(regexp.MustCompile(`([hm])0[ms]`).ReplaceAllString(d.String(), "$1"))
}

func typeName(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.Pointer:
		return typeName(t.Elem())
	case t.Kind() == reflect.Interface:
		return "any"
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case t.Kind() == reflect.String:
		return "string"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int:
		return "number"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return "list of maps or lines"
	case t.Kind() == reflect.Slice:
		return "list of " + strings.TrimSuffix(typeName(t.Elem()), "s") + "s"
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Slice:
		return "map of lists"
	case t.Kind() == reflect.Map, t.Kind() == reflect.Struct:
		return "map"
	}
	return t.Kind().String()
}

func TestReference(t *testing.T) {
	r := newReference(t)
	page := r.page()
	for _, w := range r.wrong {
		t.Error(w)
	}
	if os.Getenv("TPUSH_UPDATE") != "" {
		if err := os.WriteFile(referencePage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != page {
		t.Errorf("%s is not what the program has: run TPUSH_UPDATE=1 go test ./cmd/tpush -run TestReference", referencePage)
	}
}

// TestReferenceHasThePlan compares the page with the plan of the configuration:
// every property and bean of the plan is on the page.
func TestReferenceHasThePlan(t *testing.T) {
	plan, err := os.ReadFile(referencePlan)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	span := regexp.MustCompile("`[^`]*`")
	word := regexp.MustCompile(`[A-Za-z][-A-Za-z0-9]+`)
	// Words in the plan that are values, placeholders or Java's.
	values := []string{"NAME", "localhost", "alert", "silent", "drop", "failure", "true", "class", "tigase", "name", "port", "default", "guide"}
	n := 0
	for line := range strings.Lines(string(plan)) {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		for _, s := range span.FindAllString(first, -1) {
			for _, w := range word.FindAllString(strings.NewReplacer("tigase.push.PushNotificationsComponent", "", "tigase.push.apns.APNsBinaryApiProvider", "", "tigase.push.fcm.FcmHttpV1Provider", "").Replace(s), -1) {
				n++
				if !slices.Contains(values, w) && !regexp.MustCompile(`\b`+regexp.QuoteMeta(w)+`\b`).Match(page) {
					t.Errorf("the plan has %s, the page has not (in %s)", w, s)
				}
			}
		}
	}
	if n < 50 {
		t.Errorf("only %d words of the plan found", n)
	}
}
