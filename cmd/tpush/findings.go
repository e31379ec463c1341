package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"mellium.im/xmpp/jid"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/component/push"
	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/tdsl"
)

// findAll builds the beans of a file and closes them again. It returns all that
// can be found wrong with it without opening a connection, in the file's order.
func findAll(ctx context.Context, s *source, file *tdsl.File, activate ...string) (beans.Findings, error) {
	said := &sayings{}
	g, err := beans.Build(ctx, file, s.environment(file), classes(s.Home), slog.New(said), activate...)
	out := append(slices.Clone(g.Findings), failures(g, err)...)
	out = append(out, said.findings(g.Root)...)
	out = append(out, exposed(s.name(), s.Home, g.Root)...)
	each(g.Root, func(b *beans.Bean) { out = append(out, doubts(b, time.Now())...) })
	inOrder(out)
	if err := g.Close(); err != nil {
		return nil, fmt.Errorf("close: %w", err)
	}
	return out, nil
}

// inOrder sorts findings by their places.
func inOrder(findings beans.Findings) {
	slices.SortStableFunc(findings, func(a, b beans.Finding) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
}

// each calls f for a bean and all below it.
func each(b *beans.Bean, f func(*beans.Bean)) {
	f(b)
	for _, child := range b.Children {
		each(child, f)
	}
}

// failures are the beans that cannot be built. One that fails because another
// did is not said again.
func failures(g *beans.Graph, err error) (out beans.Findings) {
	for _, e := range g.Failed() {
		for _, one := range e.Parts() {
			if _, inner := errors.AsType[*beans.Error](one.Err); !inner {
				out = append(out, beans.Finding{Severity: beans.Fault, Pos: one.Pos, Bean: one.Bean, Msg: one.Bean + ": " + one.Err.Error()})
			}
		}
	}
	if err != nil && out.Count(beans.Fault)+g.Findings.Count(beans.Fault) == 0 {
		out = append(out, beans.Finding{Severity: beans.Fault, Msg: err.Error()})
	}
	return out
}

// sayings keeps what beans warn of in the log while they are built.
type sayings struct {
	bean string
	all  *[]saying // shared with those of every bean
}

type saying struct{ bean, text string }

// Enabled implements slog.Handler.
func (*sayings) Enabled(_ context.Context, l slog.Level) bool { return l == slog.LevelWarn }

// Handle implements slog.Handler.
func (s *sayings) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += fmt.Sprintf(", %s: %v", a.Key, a.Value)
		return true
	})
	s.keep(saying{s.bean, text})
	return nil
}

func (s *sayings) keep(x saying) {
	if s.all == nil {
		s.all = new([]saying)
	}
	*s.all = append(*s.all, x)
}

// WithAttrs implements slog.Handler.
func (s *sayings) WithAttrs(attrs []slog.Attr) slog.Handler {
	if s.all == nil {
		s.all = new([]saying)
	}
	next := *s
	for _, a := range attrs {
		if a.Key == "bean" {
			next.bean = a.Value.String()
		}
	}
	return &next
}

// WithGroup implements slog.Handler.
func (s *sayings) WithGroup(string) slog.Handler { return s }

// findings are the warnings at the places of their beans.
func (s *sayings) findings(root *beans.Bean) (out beans.Findings) {
	if s.all == nil {
		return nil
	}
	for _, x := range *s.all {
		f := beans.Finding{Severity: beans.Warning, Bean: x.bean, Msg: strings.TrimPrefix(x.bean+": ", ": ") + x.text}
		each(root, func(b *beans.Bean) {
			if b.Path() == x.bean {
				f.Pos = b.Pos
			}
		})
		out = append(out, f)
	}
	return out
}

// soon is how long before its end a credential is warned of.
const soon = 30 * 24 * time.Hour

// doubts are the values of a bean that work, but maybe not for long or not as
// they are meant.
func doubts(b *beans.Bean, now time.Time) (out beans.Findings) {
	warn := func(pos tdsl.Pos, hint, format string, args ...any) {
		out = append(out, beans.Finding{Severity: beans.Warning, Pos: pos, Bean: b.Path(), Msg: b.Path() + ": " + fmt.Sprintf(format, args...), Hint: hint})
	}
	if c, ok := b.Config().(push.Config); ok {
		for _, a := range c.Admins {
			if j, err := jid.Parse(strings.TrimSpace(a)); err == nil && (j.Localpart() == "" || j.Resourcepart() != "") {
				warn(b.Place("admins"), "write user@domain", "admins: %q is no bare JID", a)
			}
		}
	}
	if x, ok := b.Built().(providers.Expirer); ok {
		for _, e := range x.Expiries() {
			if left := e.At.Sub(now); left > 0 && left < soon {
				warn(b.Place(e.What), "get a new one in time", "%s expires on %s", e.What, e.At.Format(time.DateOnly))
			}
		}
	}
	return out
}
