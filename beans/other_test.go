package beans

import (
	"errors"
	"strings"
	"testing"

	"github.com/tpush/tpush/tdsl"
)

type lock struct {
	Code  int    `tdsl:"code"`
	Key   string `tdsl:"key"`
	Bolts int    `tdsl:"bolts"`
}

// A value that does not fit hides nothing else that is wrong with its bean, and
// each has its own place; what only follows from it is not told.
func TestOtherErrorsOfABean(t *testing.T) {
	locks := Define("lock", lock{}, func(_ *Context, c lock) (none, error) {
		var key, bolts error
		if c.Key != "" {
			key = errors.New("key: it does not turn")
		}
		if c.Bolts < 0 {
			bolts = errors.New("bolts: too few")
		}
		return none{}, errors.Join(errors.Join(key, bolts), errors.New("code: it is missing"))
	}, For("", "door"), For("", "gate"))
	file, err := tdsl.Load("f", strings.NewReader("door () {\n    code = 'many'\n    key = 'x'\n    bolts = -1\n}\ngate () {\n    bolts = -1\n}\n"))
	if err != nil {
		t.Fatal(err)
	}
	g, err := Build(t.Context(), file, tdsl.Env{}, []Class{locks}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range g.Findings {
		got = append(got, f.String())
	}
	for _, e := range g.Failed() {
		for _, part := range e.Parts() {
			got = append(got, part.Error())
		}
	}
	want := `f:2:12: error: door: 'code' = "many": a whole number is expected
f:3:11: error: door: key: it does not turn
f:4:13: error: door: bolts: too few
f:7:13: gate: bolts: too few
f:6:1: gate: code: it is missing`
	if all := strings.Join(got, "\n"); all != want {
		t.Errorf("got\n%s\nwant\n%s", all, want)
	}
}
