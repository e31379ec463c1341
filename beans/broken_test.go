package beans

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/tpush/tpush/tdsl"
)

type lamp struct{ err error }

func (l *lamp) Broken() error { return l.err }

// A bean that starts broken is there for those who need it, and is told of as
// one that failed.
func TestBrokenBean(t *testing.T) {
	lamps := Define("lamp", none{}, func(c *Context, _ none) (*lamp, error) {
		if c.Name() == "dark" {
			return &lamp{errors.New("the bulb is missing")}, nil
		}
		return &lamp{}, nil
	}, For("house", "dark"), For("house", "bright"))
	var found []*lamp
	house := Define("house", none{}, func(c *Context, _ none) (none, error) {
		var err error
		found, err = All[*lamp](c)
		return none{}, err
	}, For("", "house"))
	file, err := tdsl.Load("f", strings.NewReader("house () {\n    dark () {}\n    bright () {}\n}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	g, err := Build(t.Context(), file, tdsl.Env{}, []Class{lamps, house}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil || len(found) != 2 {
		t.Fatalf("%d beans, error %v", len(found), err)
	}
	failed := g.Failed()
	if len(failed) != 1 || failed[0].Bean != "house/dark" || failed[0].Pos.Line != 2 || !strings.Contains(failed[0].Error(), "the bulb is missing") {
		t.Errorf("failed: %v", failed)
	}
	if n := strings.Count(log.String(), "the bulb is missing"); n != 1 {
		t.Errorf("told %d times:\n%s", n, log.String())
	}
	var tree strings.Builder
	if err := g.WriteTree(&tree); err != nil || !strings.Contains(tree.String(), "the bulb is missing") {
		t.Errorf("tree, error %v:\n%s", err, tree.String())
	}
}
