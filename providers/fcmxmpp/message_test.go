package fcmxmpp

import (
	"encoding/xml"
	"strings"
	"testing"

	"mellium.im/xmlstream"
)

// An empty type is none of those that a message may have (RFC 6121 section
// 5.2.2), and a strict server would end the stream.
func TestMessageHasAType(t *testing.T) {
	var b strings.Builder
	e := xml.NewEncoder(&b)
	if _, err := xmlstream.Copy(e, wrap("m-1", acknowledgement{To: "a"})); err != nil {
		t.Fatal(err)
	}
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `type="normal"`) {
		t.Errorf("got %s", b.String())
	}
}
