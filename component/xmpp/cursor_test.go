package xmpp

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// walked are an element's children, read by a cursor.
func walked(c *Cursor, depth int) (all []string) {
	for c.Next(depth) {
		name := "?"
		for _, local := range []string{"a", "b", "c"} {
			for _, space := range []string{"urn:x", "urn:y", NSAccept, "urn:&"} {
				if c.Is(space, local) {
					name = space + " " + local
				}
			}
		}
		all = append(all, fmt.Sprintf("%d %s k=%s t=%q", depth, name, c.Attr("k"), c.Text()))
		all = append(all, walked(c, depth+1)...)
	}
	return all
}

// TestCursor compares with encoding/xml.
func TestCursor(t *testing.T) {
	for _, text := range []string{
		"<a xmlns='urn:x'/>",
		"<a xmlns='urn:x' k='1 &amp; 2'>t<b>u&lt;</b>v</a>",
		"<a xmlns='urn:x'><b xmlns='urn:y' k=\"'>'\" ><c/></b><c k = '2' /></a>",
		"<p:a xmlns:p='urn:x' xmlns:q='urn:y'><q:b><c/></q:b><p:b xmlns:p='urn:y'/><p:b/></p:a>",
		"<a xmlns='urn:x'>x<![CDATA[<b>&amp;\r\n]]>y<b><![CDATA[z]]></b>\r\nw</a>",
		"<a xmlns='urn:&amp;'><b k='&#65;'/>\n</a><b xmlns='urn:y'><a/></b>",
		"<a><b/><b><a/></b></a>",
		"<a xmlns='urn:x'>" + strings.Repeat("<b xmlns='urn:y' xmlns:p='urn:x'>", 12) + strings.Repeat("</b>", 12) + "<p:c xmlns:p='urn:x'/><b/></a>",
	} {
		got, err := readAll(strings.NewReader(open + "<iq id='1' type='set'>" + text + "</iq></stream:stream>"))
		if !errors.Is(err, io.EOF) || len(got) != 1 {
			t.Fatalf("%s: %v", text, err)
		}
		c := got[0].IQ().Walk()
		if have, want := walked(&c, 0), decoded(t, string(got[0].Payload)); strings.Join(have, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s\n got %q\nwant %q", text, have, want)
		}
	}
}

// decoded are the same, read by encoding/xml.
func decoded(t *testing.T, payload string) []string {
	t.Helper()
	var root struct {
		Nodes []node `xml:",any"`
	}
	if err := xml.Unmarshal([]byte("<r>"+payload+"</r>"), &root); err != nil {
		t.Fatal(err)
	}
	var all []string
	var list func(nodes []node, depth int)
	list = func(nodes []node, depth int) {
		for _, n := range nodes {
			k := ""
			for _, a := range n.Attrs {
				if a.Name.Local == "k" {
					k = a.Value
				}
			}
			all = append(all, fmt.Sprintf("%d %s %s k=%s t=%q", depth, n.XMLName.Space, n.XMLName.Local, k, n.Text))
			list(n.Nodes, depth+1)
		}
	}
	list(root.Nodes, 0)
	return all
}

func TestCursorPassesOver(t *testing.T) {
	q := &IQ{Payload: []byte("<a xmlns='urn:x'><b><c><d/></c></b><c k='1'/></a><e/>")}
	c := q.Walk()
	if !c.Next(0) || !c.Next(1) || !c.Is("urn:x", "b") || !c.Next(1) || !c.Is("urn:x", "c") || !c.Has("k", "1") || c.Has("k", "2") || c.Has("l", "") {
		t.Errorf("the cursor stands at %s", c.payload[c.at.begin:])
	}
	if c.Next(1) || !c.Next(0) || !c.Is("", "e") || c.Is("urn:x", "e") || c.Next(1) || c.Next(0) {
		t.Errorf("then it stands at %s", c.payload[c.at.begin:])
	}
	for _, broken := range []string{"", "x", "<", "<a", "<a b", "<a b='", "<a>", "</a>", "<![CDATA[", "</iq>", "</iq><iq><a/>"} {
		c := (&IQ{Payload: []byte(broken)}).Walk()
		if c.Next(0) {
			t.Errorf("%s has an element", broken)
		}
	}
}

// node is an element as encoding/xml reads it.
type node struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Text    string     `xml:",chardata"`
	Nodes   []node     `xml:",any"`
}

// agree compares the elements below a cursor with those of encoding/xml, which
// leaves white space in attributes as it is, also in declarations.
func agree(c *Cursor, nodes []node, depth int) error {
	for _, n := range nodes {
		if !c.Next(depth) {
			return fmt.Errorf("no element at depth %d where %v is", depth, n.XMLName)
		}
		if !c.Is(spaces.Replace(n.XMLName.Space), n.XMLName.Local) || c.Text() != n.Text || !c.HasText(n.Text) {
			return fmt.Errorf("%q with the text %q where %v has %q", c.payload[c.at.begin:c.at.end], c.Text(), n.XMLName, n.Text)
		}
		for _, a := range n.Attrs {
			if a.Name.Space == "" && a.Name.Local != "xmlns" && !c.Has(a.Name.Local, spaces.Replace(a.Value)) {
				return fmt.Errorf("%s=%q where %v has %q", a.Name.Local, c.Attr(a.Name.Local), n.XMLName, a.Value)
			}
		}
		if err := agree(c, n.Nodes, depth+1); err != nil {
			return err
		}
	}
	if c.Next(depth) {
		return fmt.Errorf("%q at depth %d where nothing is", c.payload[c.at.begin:c.at.end], depth)
	}
	return nil
}

// FuzzCursor compares what a cursor finds in a payload with encoding/xml.
func FuzzCursor(f *testing.F) {
	f.Add("<a xmlns='urn:x' k='1 &amp; 2'>t<b>u&lt;</b>v<![CDATA[<b>\r\n]]></a><p:c xmlns:p='urn:y'/>")
	f.Add(strings.TrimSuffix(publishText[strings.Index(publishText, ">")+1:], "</iq>"))
	f.Fuzz(func(t *testing.T, payload string) {
		got, err := readAll(strings.NewReader(open + "<iq>" + payload + "</iq></stream:stream>"))
		if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || len(got) != 1 || got[0].TooLarge {
			return
		}
		q := got[0].IQ()
		var root struct {
			Nodes []node `xml:",any"`
		}
		if err := xml.Unmarshal([]byte("<r>"+string(q.Payload)+"</r>"), &root); err != nil {
			t.Fatalf("payload %q: %v", q.Payload, err)
		}
		c := q.Walk()
		if err := agree(&c, root.Nodes, 0); err != nil {
			t.Errorf("payload %q: %v", q.Payload, err)
		}
		again := (&IQ{Payload: q.Payload}).Walk()
		if err := agree(&again, root.Nodes, 0); err != nil {
			t.Errorf("payload %q, scanned again: %v", q.Payload, err)
		}
	})
}
