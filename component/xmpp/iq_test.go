package xmpp

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"mellium.im/xmpp/form"
	"mellium.im/xmpp/stanza"
)

func TestAnswers(t *testing.T) {
	q := &IQ{Type: stanza.SetIQ, From: "a@b/c'\"<&>", To: "push.example.com", ID: "1+/='x", Lang: "pl",
		Name: xml.Name{Space: "urn:x", Local: "a"}, Children: 1, Payload: []byte("<a xmlns='urn:x'>é</a>")}
	for name, tc := range map[string]struct {
		answer *IQ
		want   string
	}{
		"empty result": {q.Result(nil),
			"<iq type='result' id='1+/=&apos;x' from='push.example.com' to='a@b/c&apos;&quot;&lt;&amp;&gt;' xml:lang='pl'/>"},
		"result": {(&IQ{From: "a", To: "b", ID: "1"}).Result(&Form{Type: form.TypeResult, Fields: []Field{TextField("node", "n")}}),
			"<iq type='result' id='1' from='b' to='a'><x xmlns=\"jabber:x:data\" type=\"result\"><field var=\"node\" type=\"text-single\"><value>n</value></field></x></iq>"},
		"error": {q.Fail(NewError(stanza.Wait, stanza.InternalServerError, "")),
			"<iq type='error' id='1+/=&apos;x' from='push.example.com' to='a@b/c&apos;&quot;&lt;&amp;&gt;' xml:lang='pl'><a xmlns='urn:x'>é</a>" +
				"<error type='wait' code='500'><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"},
		"error, large child": {(&IQ{From: "a", To: "b", ID: "1", Children: 1, Payload: make([]byte, MaxStanza/2+1)}).Fail(NewError(stanza.Wait, stanza.InternalServerError, "")),
			"<iq type='error' id='1' from='b' to='a'><error type='wait' code='500'><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"},
		"error with text": {(&IQ{From: "a", To: "b", ID: "1"}).Fail(NewError(stanza.Modify, stanza.BadRequest, "no & never")),
			"<iq type='error' id='1' from='b' to='a'><error type='modify' code='400'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>" +
				"<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>no &amp; never</text></error></iq>"},
	} {
		if got := string(tc.answer.Append(nil)); got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, tc.want)
		}
	}
}

func TestAddressesComeBackByteForByte(t *testing.T) {
	for _, from := range []string{"a@b/ c\t\n", "@@/", "ala@example.com/\u00a0x\u200d", strings.Repeat("r", 2000), "a@b/<>&'\""} {
		for _, id := range []string{"", "a b", "rr-1795375193154+h8=-51684740", "\"'<"} {
			text := (&IQ{Type: stanza.GetIQ, From: from, To: "p", ID: id, Payload: []byte("<a xmlns='x'/>")}).Append(nil)
			got, err := readAll(strings.NewReader(open + string(text) + "</stream:stream>"))
			if !errors.Is(err, io.EOF) || len(got) != 1 {
				t.Fatalf("%q: %v", text, err)
			}
			if got[0].From != from || got[0].ID != id {
				t.Errorf("from %q id %q came back as %q %q", from, id, got[0].From, got[0].ID)
			}
		}
	}
}

func TestAppendText(t *testing.T) {
	for in, want := range map[string]string{
		"plain é 😀":    "plain é 😀",
		"a\x00b\x01":   "a\uFFFDb\uFFFD",
		"bad \xff\xc3": "bad \uFFFD\uFFFD",
		"\uFFFE":       "\uFFFD",
		"]]>":          "]]&gt;",
	} {
		if got := string(AppendText(nil, in)); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestFormReadsTolerantly(t *testing.T) {
	text := "<x xmlns='jabber:x:data' type='submit'><title>t</title><reported/><item/><field var='provider' label='P' type='odd'><desc>d</desc><required/>" +
		"<option label='o'><value>wrong</value></option><value> fcm </value></field><field var='empty'/><field><value>v</value></field></x>"
	var f Form
	if err := xml.Unmarshal([]byte(text), &f); err != nil {
		t.Fatal(err)
	}
	if f.Value("provider") != "fcm" || f.Value("empty") != "" || f.Value("missing") != "" {
		t.Errorf("form read as %+v", f)
	}
}
