package xmpp

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"mellium.im/xmpp/stream"
)

const open = "<?xml version='1.0'?>\n<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='x1'>"

// readAll reads a stream's text to its end.
func readAll(r io.Reader) (all []*Element, err error) {
	d := newReader(r)
	if _, err := d.header(); err != nil {
		return nil, err
	}
	for {
		e, err := d.next()
		if err != nil {
			return all, err
		}
		all = append(all, e)
	}
}

func TestReadStanza(t *testing.T) {
	text := open + " \n<iq to=\"push.example.com\" from='a@b/c &amp; d' id='1&lt;' type='set' xml:lang='pl'>" +
		"<c:command xmlns:c='http://jabber.org/protocol/commands' node='n'><x xmlns='jabber:x:data'><v>a &amp; b</v></x></c:command></iq>" +
		"<message from='x'><body>hi</body></message></stream:stream>"
	for name, r := range map[string]io.Reader{"whole": strings.NewReader(text), "bytewise": iotest.OneByteReader(strings.NewReader(text))} {
		t.Run(name, func(t *testing.T) {
			got, err := readAll(r)
			if !errors.Is(err, io.EOF) || len(got) != 2 {
				t.Fatalf("%d elements, error %v; want 2 and EOF", len(got), err)
			}
			q := got[0].IQ()
			if q == nil || q.From != "a@b/c & d" || q.ID != "1<" || q.Lang != "pl" || q.Children != 1 {
				t.Errorf("IQ read as %+v", q)
			}
			if want := (xml.Name{Space: "http://jabber.org/protocol/commands", Local: "command"}); q.Name != want {
				t.Errorf("payload %v, want %v", q.Name, want)
			}
			var v struct {
				Node string `xml:"node,attr"`
				V    string `xml:"jabber:x:data x>v"`
			}
			if err := q.Decode(&v); err != nil || v.Node != "n" || v.V != "a & b" {
				t.Errorf("payload %s decodes as %+v, error %v", q.Payload, v, err)
			}
			if got[1].IQ() != nil {
				t.Error("a message counts as IQ")
			}
		})
	}
}

func TestPayloadKeepsNamespacesFromOutside(t *testing.T) {
	text := "<s:stream xmlns='jabber:component:accept' xmlns:s='http://etherx.jabber.org/streams' xmlns:p='urn:outer'>" +
		"<iq xmlns:q='urn:iq' id='1'><p:a/><b q:x='1'><q:c/></b></iq></s:stream>"
	got, err := readAll(strings.NewReader(text))
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	var names []string
	d := xml.NewDecoder(strings.NewReader("<r>" + string(got[0].Payload) + "</r>"))
	for {
		tok, err := d.Token()
		if err != nil {
			break
		}
		if s, ok := tok.(xml.StartElement); ok {
			names = append(names, s.Name.Space+" "+s.Name.Local)
		}
	}
	want := " r,urn:outer a,jabber:component:accept b,urn:iq c"
	if s := strings.Join(names, ","); s != want {
		t.Errorf("payload %s\nholds %s\nwant %s", got[0].Payload, s, want)
	}
}

func TestRefusedInput(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want error
	}{
		"comment":                        {"<!-- x -->", stream.RestrictedXML},
		"comment inside":                 {"<iq><a><!-- x --></a></iq>", stream.RestrictedXML},
		"instruction":                    {"<?x y?>", stream.RestrictedXML},
		"doctype":                        {"<!DOCTYPE a>", stream.RestrictedXML},
		"undefined entity":               {"<iq><a>&e;</a></iq>", stream.NotWellFormed},
		"mismatched end":                 {"<iq><a></b></iq>", stream.NotWellFormed},
		"control":                        {"<iq><a>\x01</a></iq>", stream.NotWellFormed},
		"bad UTF-8":                      {"<iq><a>\xff</a></iq>", stream.NotWellFormed},
		"text":                           {"hello<a/>", stream.NotWellFormed},
		"two prefixes":                   {"<iq><a:b:c/></iq>", stream.NotWellFormed},
		"unknown prefix":                 {"<iq><a:b/></iq>", stream.NotWellFormed},
		"prefix of attr":                 {"<iq><b a:c='1'/></iq>", stream.NotWellFormed},
		"attribute twice":                {"<iq><b c='1' c='1'/></iq>", stream.NotWellFormed},
		"no space":                       {"<iq><b c='1'd='1'/></iq>", stream.NotWellFormed},
		"no quotes":                      {"<iq><b c=1/></iq>", stream.NotWellFormed},
		"< in attribute":                 {"<iq><b c='<'/></iq>", stream.NotWellFormed},
		"long text":                      {"<iq><b>" + strings.Repeat("]", 2*MaxStanza) + "></b>", stream.NotWellFormed},
		"]]> in text":                    {"<iq><b>]]></b></iq>", stream.NotWellFormed},
		"surrogate":                      {"<iq><b>&#xD800;</b></iq>", stream.NotWellFormed},
		"NUL reference":                  {"<iq><b>&#0;</b></iq>", stream.NotWellFormed},
		"no namespace":                   {"<iq><b xmlns:p=''/></iq>", stream.NotWellFormed},
		"xml rebound":                    {"<iq><b xmlns:xml='urn:x'/></iq>", stream.NotWellFormed},
		"end of another":                 {"</iq>", stream.NotWellFormed},
		"attribute twice in a large tag": {"<iq><b" + manyAttributes(100) + " id='1' id='2'/></iq>", stream.NotWellFormed},
		"bad large attribute":            {"<iq a='" + strings.Repeat("x", 2*MaxStanza) + "<'/>", stream.NotWellFormed},
		"< in a large attribute":         {"<iq a='<" + strings.Repeat("x", 2*MaxStanza) + "'/>", stream.NotWellFormed},
		"declarations":                   {"<iq><b" + strings.ReplaceAll(strings.ReplaceAll(manyAttributes(1000), "=''", "='u'"), " a", " xmlns:a") + "/></iq>", stream.PolicyViolation},
		"large name":                     {"<iq><" + strings.Repeat("x", 2*MaxStanza), stream.PolicyViolation},
		"cut":                            {"<iq><a>", io.ErrUnexpectedEOF},
	} {
		if _, err := readAll(strings.NewReader(open + tc.text)); !errors.Is(err, tc.want) {
			t.Errorf("%s: error %v, want %v", name, err, tc.want)
		}
	}
}

func TestAcceptedInput(t *testing.T) {
	for name, text := range map[string]string{
		"]]> in an attribute": "<iq><b c=']]>'/></iq>",
		"> in an attribute":   "<iq><b c='>'/></iq>",
		"space around =":      "<iq><b c = '1'\n/></iq >",
		"CDATA":               "<iq><b><![CDATA[<&>]]]]></b></iq>",
		"text of ]]":          "<iq><b>]] ></b></iq>",
		"names":               "<iq><_a.b-c1 é='1'/></iq>",
		"two names, one URI":  "<iq><b xmlns:p='u' p:c='1' c='1'/></iq>",
		"xml prefix":          "<iq><b xml:lang='de' xmlns:xml='http://www.w3.org/XML/1998/namespace'/></iq>",
	} {
		for _, r := range []io.Reader{strings.NewReader(open + text + "</stream:stream>"), iotest.OneByteReader(strings.NewReader(open + text + "</stream:stream>"))} {
			if got, err := readAll(r); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || len(got) != 1 {
				t.Errorf("%s: %d elements, %v", name, len(got), err)
			}
		}
	}
}

func TestManyStanzasInLittleMemory(t *testing.T) {
	stanza := "<iq type='set' id='1' from='a' to='b'><a xmlns='x'>" + strings.Repeat("y", 100_000) + "</a></iq>"
	d := newReader(io.MultiReader(strings.NewReader(open), strings.NewReader(strings.Repeat(stanza, 50))))
	if _, err := d.header(); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if _, err := d.next(); err != nil {
			t.Fatal(err)
		}
	}
	if got := cap(d.scan.buf); got > 4*MaxStanza {
		t.Errorf("the buffer grew to %d bytes", got)
	}
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " a%d=''", i)
	}
	return b.String()
}

// A stanza whose own tag is too large can be answered, unless an address is it.
func TestTooLargeTags(t *testing.T) {
	long := strings.Repeat("x", 2*MaxStanza)
	for name, tc := range map[string]struct{ tag, from string }{
		"attribute":        {"<iq from='a' junk='" + long + "' to='b' id='1'/>", "a"},
		"after the large":  {"<iq junk='" + long + "' from='a' to='b' id='1'/>", "a"},
		"attributes":       {"<iq" + manyAttributes(200) + " from='a' to='b' id='1'/>", "a"},
		"large address":    {"<iq from='" + long + "' to='b' id='1'/>", ""},
		"two large":        {"<iq from='" + long + "' x='" + long + "' to='b' id='1'/>", ""},
		"large with a gap": {"<iq junk = \"" + long + "\"" + strings.Repeat(" ", MaxStanza) + "from = 'a' to='b' id='1' />", "a"},
	} {
		got, err := readAll(strings.NewReader(open + tc.tag + "<iq id='next'/></stream:stream>"))
		if !errors.Is(err, io.EOF) || len(got) != 2 {
			t.Errorf("%s: %d elements, %v", name, len(got), err)
			continue
		}
		if e := got[0]; !e.TooLarge || e.From != tc.from || e.To != "b" || e.ID != "1" || got[1].TooLarge {
			t.Errorf("%s: read %+v", name, e)
		}
	}
}

func TestTooLargeStanzasDoNotEndTheStream(t *testing.T) {
	for name, inner := range map[string]string{
		"text":                  "<b>" + strings.Repeat("x&amp;é", MaxStanza) + "</b>",
		"elements":              "<b>" + strings.Repeat("<c xmlns='urn:x'/>", MaxStanza/4) + "</b>",
		"depth":                 strings.Repeat("<d>", 1000) + strings.Repeat("</d>", 1000),
		"CDATA":                 "<b><![CDATA[" + strings.Repeat("x", MaxStanza-100) + "]]></b><c><![CDATA[" + strings.Repeat("x", 1000) + "]]></c>",
		"one CDATA":             "<b><![CDATA[" + strings.Repeat("x]", 2*MaxStanza) + "]]></b>",
		"brackets":              "<b>" + strings.Repeat("]", 2*MaxStanza) + "</b>",
		"attributes":            "<b" + manyAttributes(1000) + "/>",
		"attribute":             "<b c='" + strings.Repeat("&amp;é]", MaxStanza) + "' d='1'/>",
		"attributes of a size":  "<b c='" + strings.Repeat("x", MaxStanza) + "' d='" + strings.Repeat("y", MaxStanza) + "' e='" + strings.Repeat("z", MaxStanza) + "'><c/></b>",
		"declared in large tag": "<p:b c='" + strings.Repeat("x", 2*MaxStanza) + "' xmlns:p='urn:p' p:d='1'><p:c/></p:b>",
	} {
		d := newReader(strings.NewReader(open + "<iq id='big' from='a' to='b' type='set'>" + inner + "</iq><iq id='next'/></stream:stream>"))
		if _, err := d.header(); err != nil {
			t.Fatal(err)
		}
		big, err := d.next()
		if err != nil || !big.TooLarge || big.ID != "big" || len(big.Payload) != 0 {
			t.Errorf("%s: read %+v, %v", name, big, err)
			continue
		}
		if e, err := d.next(); err != nil || e.ID != "next" || e.TooLarge {
			t.Errorf("%s: then read %+v, %v", name, e, err)
		}
		if got := cap(d.scan.buf); got > 8*MaxStanza {
			t.Errorf("%s: the buffer grew to %d bytes", name, got)
		}
	}
}

// readOracle reads the same through encoding/xml: names, attributes, and the
// tokens of each payload.
func readOracle(text string) (all []string, err error) {
	d := xml.NewDecoder(strings.NewReader(open + text))
	depth := 0
	for {
		tok, err := d.Token()
		if err != nil && depth == 1 && strings.Contains(err.Error(), "unexpected EOF") {
			return all, io.EOF // the connection ended, not the stream: the same here
		}
		if err != nil {
			return all, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if depth++; depth == 1 {
				continue
			}
			all = append(all, fmt.Sprintf("%d <%s %s", depth, t.Name.Space, t.Name.Local))
			for _, a := range t.Attr {
				if a.Name.Space == "" && a.Name.Local != "xmlns" {
					all = append(all, a.Name.Local+"="+spaces.Replace(a.Value))
				}
			}
		case xml.EndElement:
			if depth--; depth == 0 {
				return all, io.EOF
			}
			all = append(all, fmt.Sprintf("%d >", depth+1))
		case xml.CharData:
			if depth > 2 && len(t) > 0 {
				all = append(all, "'"+string(t))
			}
		}
	}
}

var spaces = strings.NewReplacer("\r\n", " ", "\r", " ", "\n", " ", "\t", " ")

// readHere is readOracle's result by this package's reader, whose payloads are
// read by encoding/xml in turn.
func readHere(r io.Reader) (all []string, err error) {
	elements, err := readAll(r)
	for _, e := range elements {
		all = append(all, fmt.Sprintf("2 <%s %s", e.Name.Space, e.Name.Local))
		d := xml.NewDecoder(strings.NewReader(string(e.Payload)))
		depth := 2
		for {
			tok, err := d.Token()
			if err != nil {
				if err != io.EOF {
					return nil, fmt.Errorf("payload %q: %w", e.Payload, err)
				}
				break
			}
			switch t := tok.(type) {
			case xml.StartElement:
				depth++
				all = append(all, fmt.Sprintf("%d <%s %s", depth, t.Name.Space, t.Name.Local))
				for _, a := range t.Attr {
					if a.Name.Space == "" && a.Name.Local != "xmlns" {
						all = append(all, a.Name.Local+"="+spaces.Replace(a.Value))
					}
				}
			case xml.EndElement:
				all = append(all, fmt.Sprintf("%d >", depth))
				depth--
			case xml.CharData:
				if len(t) > 0 {
					all = append(all, "'"+string(t))
				}
			}
		}
		all = append(all, "2 >")
	}
	return all, err
}

// withoutHead drops the attributes of stanzas, which readHere does not see.
func withoutHead(all []string) (out []string) {
	head := false
	for _, s := range all {
		if strings.HasPrefix(s, "2 <") {
			head = true
		} else if head && !strings.ContainsAny(s[:1], "'0123456789") { // neither text nor an element
			continue
		} else {
			head = false
		}
		out = append(out, s)
	}
	return out
}

// FuzzReader compares with encoding/xml: what is accepted here is accepted
// there, with the same content, however the input is split.
func FuzzReader(f *testing.F) {
	files, err := filepath.Glob("../push/testdata/stanzas/*.xml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text) + "</stream:stream>")
	}
	f.Add("<iq><a xmlns:p='urn:x' p:q='1'><p:b/>t&#x41;<![CDATA[<&]]>\r\n</a></iq></stream:stream>")
	f.Fuzz(func(t *testing.T, text string) {
		here, err := readHere(strings.NewReader(open + text))
		split, splitErr := readHere(iotest.OneByteReader(strings.NewReader(open + text)))
		if !slices.Equal(here, split) || (err == nil) != (splitErr == nil) {
			t.Fatalf("split reads change the result:\n%q, %v\n%q, %v", here, err, split, splitErr)
		}
		if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return
		}
		want, oracleErr := readOracle(text)
		if oracleErr != io.EOF {
			t.Fatalf("accepted %q; encoding/xml says %v", text, oracleErr)
		}
		if want = withoutHead(want); !slices.Equal(here, want) {
			t.Fatalf("%q\n got %q\nwant %q", text, here, want)
		}
	})
}

// FuzzMemory repeats a text after the stream's header until it passes every
// limit: whatever it leaves open, the buffer stays bounded.
func FuzzMemory(f *testing.F) {
	for _, text := range []string{"<iq a='", "<iq>", "<iq><a>t", "<iq><a><![CDATA[", "<iq><a/></iq>", "<iq ", "&amp;", "]", "<", "é"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" {
			return
		}
		r := newReader(io.MultiReader(strings.NewReader(open), strings.NewReader(strings.Repeat(text, 3*MaxStanza/len(text)))))
		_, err := r.header()
		for err == nil {
			_, err = r.next()
		}
		if got := cap(r.scan.buf); got > 4*MaxStanza {
			t.Fatalf("the buffer grew to %d bytes", got)
		}
	})
}
