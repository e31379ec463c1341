package beans

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteTree prints the graph as a tree: each bean with its class, where it is
// defined, what it needs, and what became of it.
func (g *Graph) WriteTree(w io.Writer) error {
	b := bufio.NewWriter(w)
	rows := g.rows(g.Root, "")
	name, class := 0, 0
	for _, r := range rows {
		name, class = max(name, len([]rune(r.name))), max(class, len(r.class))
	}
	for _, r := range rows {
		line := fmt.Sprintf("%s%s  %-*s  %s", r.name, strings.Repeat(" ", name-len([]rune(r.name))), class, r.class, r.rest)
		fmt.Fprintln(b, strings.TrimRight(line, " "))
	}
	return b.Flush()
}

type row struct{ name, class, rest string }

func (g *Graph) rows(b *Bean, indent string) (out []row) {
	for i, child := range b.Children {
		branch, below := "├─ ", "│  "
		if i == len(b.Children)-1 {
			branch, below = "└─ ", "   "
		}
		out = append(out, row{indent + branch + child.Name, child.Class(), child.describe()})
		out = append(out, g.rows(child, indent+below)...)
	}
	return out
}

// describe is what a row says behind name and class.
func (b *Bean) describe() string {
	parts := []string{b.Pos.String()}
	if b.Default {
		parts[0] = "default"
	}
	if b.State != Active {
		parts = append(parts, string(b.State))
	}
	if b.Reason != nil && b.State == Active {
		parts = append(parts, "broken")
	}
	if b.Reason != nil {
		first, _, _ := strings.Cut(b.Reason.Error(), "\n")
		parts = append(parts, first)
	}
	if needs := b.needed(); len(needs) > 0 {
		parts = append(parts, "needs "+strings.Join(needs, ", "))
	}
	return strings.Join(parts, ", ")
}

// needed are the paths of the beans that it asked for, its children aside.
func (b *Bean) needed() (out []string) {
	for _, n := range b.Needs {
		if n.parent != b {
			out = append(out, n.Path())
		}
	}
	return out
}

// WriteDot prints the graph in the language of Graphviz.
func (g *Graph) WriteDot(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, "digraph beans {\n  rankdir=LR; node [shape=box];")
	g.dot(b, g.Root)
	fmt.Fprintln(b, "}")
	return b.Flush()
}

func (g *Graph) dot(w io.Writer, b *Bean) {
	for _, child := range b.Children {
		style := ""
		if child.State != Active {
			style = ", style=dashed"
		}
		fmt.Fprintf(w, "  %q [label=%q%s];\n", child.Path(), child.Name+"\n"+child.Class()+"\n"+string(child.State), style)
		if b != g.Root {
			fmt.Fprintf(w, "  %q -> %q;\n", b.Path(), child.Path())
		}
		for _, n := range child.needed() {
			fmt.Fprintf(w, "  %q -> %q [style=dotted];\n", child.Path(), n)
		}
		g.dot(w, child)
	}
}
