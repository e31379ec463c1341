package xmpp

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
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
		"comment":          {"<!-- x -->", stream.RestrictedXML},
		"comment inside":   {"<iq><a><!-- x --></a></iq>", stream.RestrictedXML},
		"instruction":      {"<?x y?>", stream.RestrictedXML},
		"doctype":          {"<!DOCTYPE a>", stream.RestrictedXML},
		"undefined entity": {"<iq><a>&e;</a></iq>", stream.NotWellFormed},
		"mismatched end":   {"<iq><a></b></iq>", stream.NotWellFormed},
		"control":          {"<iq><a>\x01</a></iq>", stream.NotWellFormed},
		"bad UTF-8":        {"<iq><a>\xff</a></iq>", stream.NotWellFormed},
		"text":             {"hello", stream.NotWellFormed},
		"deep":             {"<iq>" + strings.Repeat("<a>", 100), stream.PolicyViolation},
		"large":            {"<iq><a>" + strings.Repeat("x", MaxStanza+1), stream.PolicyViolation},
		"large attribute":  {"<iq a='" + strings.Repeat("x", 2*MaxStanza), stream.PolicyViolation},
		"cut":              {"<iq><a>", io.ErrUnexpectedEOF},
	} {
		if _, err := readAll(strings.NewReader(open + tc.text)); !errors.Is(err, tc.want) {
			t.Errorf("%s: error %v, want %v", name, err, tc.want)
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
	if got := cap(d.src.buf); got > 4*MaxStanza {
		t.Errorf("the buffer grew to %d bytes", got)
	}
}

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
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		whole, err1 := readAll(io.MultiReader(strings.NewReader(open), strings.NewReader(string(text))))
		split, err2 := readAll(iotest.OneByteReader(io.MultiReader(strings.NewReader(open), strings.NewReader(string(text)))))
		if len(whole) != len(split) || (err1 == nil) != (err2 == nil) {
			t.Fatalf("split reads change the result: %d elements, %v; %d elements, %v", len(whole), err1, len(split), err2)
		}
		for _, e := range whole {
			q := e.IQ()
			if q == nil || len(q.Payload) == 0 {
				continue
			}
			// What a payload is cut out as must be XML by itself.
			if _, err := readAll(strings.NewReader(open + string(q.Fail(NewError("wait", "internal-server-error", "x")).Append(nil)))); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("answer with payload %q cannot be read: %v", q.Payload, err)
			}
		}
	})
}
