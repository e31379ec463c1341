package tdsl

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

type host struct {
	Name string `tdsl:"name"`
	Port int    `tdsl:"port"`
}

func (h *host) UnmarshalText(text []byte) error {
	h.Name, h.Port = string(text), 1
	return nil
}

type config struct {
	Text     string              `tdsl:"text"`
	Mode     string              `tdsl:"mode,enum"`
	Secret   int                 `tdsl:"secret,secret"`
	Number   int                 `tdsl:"number"`
	On       bool                `tdsl:"on"`
	Wait     time.Duration       `tdsl:"wait"`
	List     []string            `tdsl:"list"`
	Numbers  []int               `tdsl:"numbers"`
	Map      map[string][]string `tdsl:"map"`
	Hosts    []host              `tdsl:"hosts"`
	Global   []string            `tdsl:",alias=global"`
	PoolSize int                 `tdsl:"pool-size,alias=pool-size"`
}

func load(t *testing.T, text string) *File {
	t.Helper()
	f, err := Load("test.tdsl", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestDecode(t *testing.T) {
	f := load(t, `
global = 'a,b'
'pool-size' = 3
text = 'not inherited'
outer () {
    'pool-size' = 5
    inner () {
        text = '  ' + env('HOME') + '/x  '
        number = '12'
        on = yes
        mode = ' SILENT'
        wait = 'PT1M30S'
        list = [ 'a ', 5, 1.50 ]
        numbers = '1, 2,3'
        map {
            x = [ 'ALL' ]
            y = 'a,b'
        }
        hosts = [ 'one', {
            name = 'two'
            port = 2
        } ]
        child () {}
        odd = 1
    }
}
`)
	outer := f.Root.Lookup("outer").(*Block)
	inner := outer.Lookup("inner").(*Block)
	got := config{Number: 1}
	unknown, err := Decode(inner, []*Block{&f.Root, outer}, fixed, &got)
	if err != nil {
		t.Fatal(err)
	}
	want := config{Text: "/home/tester/x", Mode: "silent", Number: 12, On: true, Wait: 90 * time.Second, List: []string{"a ", "5", "1.5"}, Numbers: []int{1, 2, 3},
		Map: map[string][]string{"x": {"ALL"}, "y": {"a", "b"}}, Hosts: []host{{"one", 1}, {"two", 2}}, Global: []string{"a", "b"}, PoolSize: 5}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if len(unknown) != 1 || unknown[0].Key != "odd" {
		t.Errorf("unknown %+v, want odd", unknown)
	}
}

func TestDecodeErrors(t *testing.T) {
	f := load(t, "number = 5.0\nsecret = 'hunter2'\nwait = 15\ntext = env('UNSET_X')\nlist = [ null ]\nhosts = [ {\nnmae = 'x'\n} ]\n")
	got := config{Number: 7, Wait: time.Minute, List: []string{"x"}}
	_, err := Decode(&f.Root, nil, fixed, &got)
	if err == nil {
		t.Fatal("no error")
	}
	if got.Number != 7 || got.Wait != time.Minute || len(got.List) != 1 || got.List[0] != "x" {
		t.Errorf("defaults are gone: %+v", got)
	}
	for _, want := range []string{
		"test.tdsl:1:10: 'number' = 5: a whole number",
		"test.tdsl:2:10: 'secret': a whole number",
		"test.tdsl:3:8: 'wait' = 15: a duration is expected, such as PT15S",
		"'text': env('UNSET_X') is not set",
		"'list': item 1: null",
		"no property 'nmae'",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("errors do not say %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("an error shows a secret")
	}
}

func TestWarnings(t *testing.T) {
	for text, want := range map[string]string{
		"a { x = 1 }\n":                      "1:5: 'x' is lost: the } follows on the same line",
		"push () { 'fcm' () {} }\n":          "1:11: 'fcm' is lost",
		"a = 'x' 'y'\n":                      "1:5: this value is lost",
		"a = pre'mid'\n":                     "1:5: 'pre' is lost",
		"word\n":                             "1:1: 'word' is lost",
		"a = 1\na = 2\n":                     "1:1: 'a' is lost: it is given again in line 2",
		"urn:x:y () {\n}\n":                  "1:1: 'urn' is lost: parentheses make a bean named 'x:y'",
		"a = (5 + 3) * 2\n":                  "1:1: 'a' is lost",
		"a\n{\n x = 1\n}\n":                  "'a' is lost",
		"a = 1 + 2":                          "the calculation is lost",
		"a = [ k:v ]\n":                      "1:7: 'k' is lost: a list has no keys",
		"a {\nx=1\n} b {\ny=2\n}\n":          "this block is lost",
		"a {\n b {\n c = 1\n }}\n":           "2:2: 'b' is lost",
		"a = 'v';\n":                         "';' is lost",
		"\uFEFFa = 1\nb = env('HOME').bak\n": "'env.bak' is lost",
	} {
		f := load(t, text)
		if !strings.Contains(f.Warnings.Error(), want) {
			t.Errorf("%q: warnings %q, want one that says %q", text, f.Warnings.Error(), want)
		}
	}
	for _, text := range []string{"a = 1\n", "a = env('HOME')\n", "# c\n\na () {\n b = [ 1, 2 ]\n}\n", "a = env('A') + '/x' + prop('b', 'c')\n", "a (class: b, active: false) {}\n"} {
		if f := load(t, text); len(f.Warnings) > 0 {
			t.Errorf("%q: warning %v", text, f.Warnings)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, text := range []string{"a = 1\n", "push () {\n 'x' (class: y) {\n a = [ 'b', 2 ]\n }\n}\n", "a = env('B', 'c') + 'd'\n", "a { b = 1 }", "a = 'x", "# c", strings.Repeat("{", 300), "a = 1e9\x00\xff"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Load("f", strings.NewReader(string(text)))
		if err != nil {
			if _, ok := ErrorJSON(err); !ok {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		if _, err := file.JSON(fixed); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAllErrorsAtOnce(t *testing.T) {
	f, err := Load("t", strings.NewReader("a = read-only\nb {\n  x = 99999999999\n  y = 5 }\n}\n}\nz (clas: x) {}\nlast = [ 1"))
	var all Errors
	if !errors.As(err, &all) {
		t.Fatal(err)
	}
	var got []string
	for _, e := range all {
		got = append(got, fmt.Sprintf("%d:%d", e.Pos.Line, e.Pos.Col))
	}
	if want := []string{"1:9", "3:7", "5:1", "6:1", "7:11", "8:11"}; !reflect.DeepEqual(got, want) {
		t.Errorf("errors at %v, want %v:\n%v", got, want, err)
	}
	if len(f.Warnings) == 0 {
		t.Error("the warning is gone")
	}
}
