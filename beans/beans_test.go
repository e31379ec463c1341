package beans

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/tpush/tpush/tdsl"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An invented world: a shop (critical) sells through counters, which need a
// store; a pool of stores is a registrar.

type store struct{ closed *[]string }

func (s *store) Close() error { *s.closed = append(*s.closed, "store"); return nil }

type seller interface{ sell() string }

type counter struct {
	name  string
	price int
	store *store
}

func (c *counter) sell() string { return c.name }

type shop struct {
	closed  *[]string
	sellers []seller
	run     func(context.Context) error
}

func (s *shop) Close() error { *s.closed = append(*s.closed, "shop"); return nil }
func (s *shop) Run(ctx context.Context) error {
	if s.run != nil {
		return s.run(ctx)
	}
	<-ctx.Done()
	return nil
}

type world struct {
	closed []string
	builds int
	run    func(context.Context) error
}

type none struct{}

func (w *world) classes() []Class {
	return []Class{
		Define("pool", none{}, func(*Context, none) (none, error) { return none{}, nil }, Default("", "stores"), Children("store")),
		Define("store", struct {
			Bad bool `tdsl:"bad"`
		}{}, func(_ *Context, c struct {
			Bad bool `tdsl:"bad"`
		}) (*store, error) {
			w.builds++
			if c.Bad {
				return nil, errors.New("the roof leaks")
			}
			return &store{&w.closed}, nil
		}, Default("pool", "default")),
		Define("counter", struct {
			Price int `tdsl:"price,alias=price"`
		}{Price: 1}, func(c *Context, cfg struct {
			Price int `tdsl:"price,alias=price"`
		}) (*counter, error) {
			s, err := Named[*store](c, "stores/default")
			if cfg.Price < 0 {
				return nil, errors.New("price: it is negative")
			}
			return &counter{c.Name(), cfg.Price, s}, err
		}, For("shop", "till"), Alias("com.example.Counter")),
		Define("loop", none{}, func(c *Context, _ none) (seller, error) { return One[seller](c) }, For("", "loop"), For("", "loop2")),
		Define("shop", struct {
			Name string `tdsl:"title"`
		}{}, func(c *Context, _ struct {
			Name string `tdsl:"title"`
		}) (*shop, error) {
			sellers, err := All[seller](c)
			return &shop{closed: &w.closed, sellers: sellers, run: w.run}, err
		}, For("", "shop"), Alias("com.example.Shop"), Critical(), Ignores("counters")),
	}
}

func file(t *testing.T, text string) *tdsl.File {
	t.Helper()
	f, err := tdsl.Load("c.tdsl", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestTree(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"empty": {"", `
└─ stores      pool   default
   └─ default  store  default
`},
		"one bean": {"shop () {\n    till () {\n    }\n}\n", `
├─ shop        shop     c.tdsl:1:1
│  └─ till     counter  c.tdsl:2:5, needs stores/default
└─ stores      pool     default
   └─ default  store    default
`},
		"classes and states": {`
'corner' (class: com.example.Shop) {
    a (class: com.example.Counter) {
        price = -1
    }
    b (class: com.example.Counter, active: false) {
    }
    c (class: com.example.Cuonter) {
    }
    d (class: com.example.Counter) {
        price = 'much'
    }
    till () {
    }
}
c2s () {
}
stores {
    default {
    }
    second () {
    }
}
`, `
├─ corner      shop     c.tdsl:2:1
│  ├─ a        counter  c.tdsl:3:5, failed, price: it is negative, needs stores/default
│  ├─ b        counter  c.tdsl:6:5, inactive
│  ├─ c                 c.tdsl:8:5, unknown class
│  ├─ d        counter  c.tdsl:10:5, failed, c.tdsl:11:17: 'price' = "much": a whole number is expected
│  └─ till     counter  c.tdsl:13:5, needs stores/default
├─ c2s                  c.tdsl:16:1, left to the server
└─ stores      pool     c.tdsl:18:1
   ├─ default  store    c.tdsl:19:5
   └─ second   store    c.tdsl:21:5
`},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := Build(t.Context(), file(t, tc.text), tdsl.Env{}, (&world{}).classes(), quiet())
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			var b strings.Builder
			if err := g.WriteTree(&b); err != nil {
				t.Fatal(err)
			}
			if b.String() != tc.want[1:] {
				t.Errorf("tree\n%s\nwant\n%s", b.String(), tc.want[1:])
			}
			b.Reset()
			if err := g.WriteDot(&b); err != nil || !strings.HasPrefix(b.String(), "digraph") {
				t.Errorf("dot: %v", err)
			}
		})
	}
}

func TestFindings(t *testing.T) {
	for text, want := range map[string]string{
		"shop () {\n titel = 'x'\n}\n":                      "c.tdsl:2:2: warning: 'shop' has no property 'titel': it has no effect (did you mean 'title'?)",
		"shpo () {\n}\n":                                    "there is no class for a bean named 'shpo' here: it is absent (did you mean 'shop'?)",
		"shop {\n}\n":                                       "'shop' is configured but not switched on (write shop () {)",
		"shop () {\n tlil () {\n }\n}\n":                    "'shop/tlil' here: it is absent (did you mean 'till'?)",
		"shop () {\n x (class: com.example.Shp) {\n }\n}\n": "did you mean 'com.example.Shop'?",
		"shop () {\n till () {\n price = 'x'\n }\n}\n":      "c.tdsl:3:10: error: shop/till: 'price' = \"x\"",
		"a = 'x' 'y'\n":                                     "warning: this value is lost",
		"shop () {\n till {\n }\n}\n":                       "'till' is configured but not switched on (write till () {)",
		"shop () {\n counters = 5\n}\n":                     "note: 'counters' of 'shop' has no meaning in this program",
		"beans = 'shop'\nshop () {\n}\n":                    "c.tdsl:1:9: error: 'shop' is in 'beans' and has a block",
		"muc () {\n}\n":                                     "note: bean 'muc' is left to the server",
	} {
		fs := Check(file(t, text), tdsl.Env{}, (&world{}).classes())
		if !slices.ContainsFunc(fs, func(f Finding) bool { return strings.Contains(f.String(), want) }) {
			t.Errorf("%q: findings %v, want one that says %q", text, fs, want)
		}
	}
	for _, text := range []string{"shop () {\n title = 'x'\n name = 'y'\n 'a/b' = 1\n}\n", "whatever = 1\nother {\n x = 1\n}\n"} {
		for _, f := range Check(file(t, text), tdsl.Env{}, (&world{}).classes()) {
			t.Errorf("%q: %s", text, f)
		}
	}
}

func TestBuiltOnceAndClosedInReverse(t *testing.T) {
	w := &world{}
	g, err := Build(t.Context(), file(t, "shop () {\n till () {}\n t2 (class: com.example.Counter) {}\n}\n"), tdsl.Env{}, w.classes(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	if w.builds != 1 {
		t.Errorf("the store was built %d times", w.builds)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"shop", "store"}; !slices.Equal(w.closed, want) {
		t.Errorf("closed %v, want %v", w.closed, want)
	}
}

func TestInheritedProperty(t *testing.T) {
	var sold []int
	classes := append((&world{}).classes(), Define("audit", none{}, func(c *Context, _ none) (none, error) {
		s, err := Named[*shop](c, "shop")
		if err != nil {
			return none{}, err
		}
		for _, x := range s.sellers {
			sold = append(sold, x.(*counter).price)
		}
		return none{}, nil
	}, Default("", "audit")))
	text := "price = 7\nshop () {\n till () {}\n b (class: com.example.Counter) {\n price = 9\n }\n}\n"
	g, err := Build(t.Context(), file(t, text), tdsl.Env{}, classes, quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if !slices.Equal(sold, []int{7, 9}) {
		t.Errorf("prices %v, want 7 from the global scope and the bean's own 9", sold)
	}
}

func TestFailures(t *testing.T) {
	w := &world{}
	var log strings.Builder
	_, err := Build(t.Context(), file(t, "stores {\n default () {\n bad = true\n }\n}\nshop () {\n till () {}\n}\n"), tdsl.Env{}, w.classes(), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Errorf("a bean that is not critical failed, and the program with it: %v", err)
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 2 {
		t.Errorf("%d errors in the log, want one for the store and one for the counter:\n%s", n, log.String())
	}
	_, err = Build(t.Context(), file(t, "loop () {}\nloop2 () {}\n"), tdsl.Env{}, w.classes(), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "it needs itself: loop → loop2 → loop") {
		t.Errorf("the cycle is not told:\n%s", log.String())
	}
}

func TestCriticalFailureClosesWhatWasBuilt(t *testing.T) {
	w := &world{}
	classes := append(w.classes(), Define("needy", none{}, func(c *Context, _ none) (none, error) {
		if _, err := Named[*store](c, "stores/default"); err != nil {
			return none{}, err
		}
		return none{}, errors.New("as asked")
	}, For("", "needy"), Critical()))
	g, err := Build(t.Context(), file(t, "needy () {}\n"), tdsl.Env{}, classes, quiet())
	if err == nil || !strings.Contains(err.Error(), "c.tdsl:1:1: needy: as asked") {
		t.Errorf("error %v", err)
	}
	if g == nil || !slices.Equal(w.closed, []string{"store"}) {
		t.Errorf("closed %v", w.closed)
	}
}

func TestActivate(t *testing.T) {
	g, err := Build(t.Context(), file(t, "shop (active: false) {\n}\n"), tdsl.Env{}, (&world{}).classes(), quiet(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if g.Root.Children[0].State != Active {
		t.Errorf("state %s", g.Root.Children[0].State)
	}
}

func TestRun(t *testing.T) {
	fails := errors.New("as asked")
	for name, run := range map[string]func(context.Context) error{
		"fails": func(context.Context) error { return fails },
		"ends":  nil,
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{run: run}
			g, err := Build(t.Context(), file(t, "shop () {}\nsecond (class: com.example.Shop) {}\n"), tdsl.Env{}, w.classes(), quiet())
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			ctx, cancel := context.WithCancel(t.Context())
			if run == nil {
				cancel()
			}
			defer cancel()
			if err := g.Run(ctx); !errors.Is(err, fails) && run != nil || run == nil && err != nil {
				t.Errorf("Run returned %v", err)
			}
		})
	}
}
