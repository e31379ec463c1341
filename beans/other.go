package beans

import (
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
)

// other finds what else is wrong with a bean that has values that do not fit
// their properties: it is built on trial, with their defaults. What then
// speaks of one of these properties comes from its default, and is left out.
func (g *Graph) other(b *Bean) {
	if len(b.unfit) == 0 || b.building {
		return
	}
	b.building = true
	built, err := b.class.build(&Context{graph: g, bean: b, log: slog.New(slog.DiscardHandler)}, b.config)
	b.building, b.Needs = false, nil
	if broken, ok := built.(Broken); ok && err == nil {
		err = broken.Broken()
	}
	if c, ok := built.(io.Closer); ok && err == nil {
		err = c.Close()
	}
	if err == nil {
		return
	}
	for _, e := range b.fault(err).Parts() {
		_, elsewhere := errors.AsType[*Error](e.Err)
		follows := slices.ContainsFunc(b.unfit, func(property string) bool { return strings.Contains(e.Err.Error(), property) })
		if !elsewhere && !follows {
			g.Findings = append(g.Findings, Finding{Severity: Fault, Pos: e.Pos, Bean: e.Bean, Msg: e.Bean + ": " + e.Err.Error()})
		}
	}
}
