package beans

import (
	"strings"
	"testing"

	"github.com/tpush/tpush/tdsl"
)

// graph builds a text and returns the graph, its tree and its dump.
func graph(t *testing.T, text string, activate ...string) (g *Graph, tree, dump string) {
	t.Helper()
	g, err := Build(t.Context(), file(t, text), tdsl.Env{}, (&world{}).classes(), quiet(), activate...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	var shown, dumped strings.Builder
	if err := g.WriteTree(&shown); err != nil {
		t.Fatal(err)
	}
	if err := tdsl.Format(&dumped, g.Dump(tdsl.Env{})); err != nil {
		t.Fatal(err)
	}
	return g, shown.String(), dumped.String()
}

func TestShortForm(t *testing.T) {
	g, tree, _ := graph(t, "beans = [ '+shop', '-loop' ]\nshop2 (class: com.example.Shop) {\n beans = 'till,'\n}\n")
	for _, path := range []string{"shop", "loop", "shop2/till"} {
		if !g.Root.has(path) {
			t.Errorf("there is no %s:\n%s", path, tree)
		}
	}
	if strings.Count(tree, "inactive") != 1 {
		t.Errorf("loop alone is inactive:\n%s", tree)
	}
}

func TestActivateNobody(t *testing.T) {
	g, _, _ := graph(t, "shop (active: false) {\n}\n", "shop", "shpo")
	if len(g.Findings) != 1 || !strings.Contains(g.Findings[0].Msg, "no bean 'shpo' to activate") {
		t.Errorf("findings %v", g.Findings)
	}
}

// TestDumpOfOthers: what this program does not build is in the dump as it is
// written, without its secrets.
func TestDumpOfOthers(t *testing.T) {
	_, _, dump := graph(t, `plain {
    a = 1 + 2
    b {
        'api-keys' = [ 'hunter2' ]
        pwd = 'hunter2'
        'ldap-pass' = 'hunter2'
        password = 4711123
        secret = 5 + 'hunter2'
        url = 'https://u:hunter2@h/'
        passwords {
            a = 'hunter2'
        }
    }
}
muc () {
    x = 'y'
    uri = 'jdbc:mysql://h/d?password=hunter2'
    logger () {}
}
shop (active: false) {
    password = 'hunter2'
    items = [ 'a:hunter2:connect' ]
}
`)
	for _, want := range []string{
		"plain {\n    a = 3\n",
		"muc () {\n    uri = 'jdbc:mysql://h/d?password=*******'\n    x = 'y'\n    logger () {}\n",
		"shop (class: com.example.Shop,\n    active: false) {\n",
	} {
		if !strings.Contains(dump, want) {
			t.Errorf("no %q in\n%s", want, dump)
		}
	}
	if strings.Contains(dump, "hunter2") || strings.Contains(dump, "4711123") {
		t.Errorf("a secret is shown:\n%s", dump)
	}
}
