package push

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tpush/tpush/component/xmpp"
)

// streamOf is a server that writes a text on a stream, again and again, and
// ends after so many times (0: never).
func streamOf(t testing.TB, text string, times int) *xmpp.Stream {
	t.Helper()
	component, server := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer server.Close()
		// Both ends are of this test; one that closes ends it.
		s, err := xmpp.Accept(context.Background(), server, "id", func(string) (string, bool) { return "s", true })
		if err != nil {
			return
		}
		all := []byte(strings.Repeat(text, 64))
		for n := 0; times == 0 || n < times; n++ {
			if times > 0 {
				all = []byte(text)
			}
			if s.WriteRaw(all) != nil {
				return
			}
		}
	}()
	s, err := xmpp.Connect(context.Background(), component, "push.example.com", "s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		component.Close()
		<-done
	})
	return s
}

// TestReadAgreesWithEncodingXML compares what is read of publishes with what the
// types' tags say.
func TestReadAgreesWithEncodingXML(t *testing.T) {
	texts := map[string]string{
		"twice": "<iq type='set' id='1' from='a' to='b'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item/><item id='2'>" +
			"<notification xmlns='urn:xmpp:push:0'><x xmlns='jabber:x:data'><field var='message-count'><value>1</value><value>2</value></field></x>" +
			"<x xmlns='jabber:x:data'><field var='last-message-body'><value>a<b/>c<![CDATA[&d]]></value></field><title/><field/></x>" +
			"<priority xmlns='tigase:push:priority:0'>low</priority><priority xmlns='tigase:push:priority:0'>high</priority><priority>no</priority></notification>" +
			"<notification xmlns='urn:xmpp:push:0'><meet xmlns='tigase:push:meet:0' id='m'><media>audio</media><media>video</media></meet></notification></item></publish>" +
			"<publish><item/></publish></pubsub></iq>",
		"prefixes": "<iq type='set' id='1' from='a' to='b' xmlns:p='http://jabber.org/protocol/pubsub' xmlns:n='urn:xmpp:push:0'><p:pubsub><p:publish node='a&amp;b'><p:item>" +
			"<n:notification><e:encrypted xmlns:e='tigase:push:encrypt:0' iv='i' type='voip'> da\nta </e:encrypted><j:jingle xmlns:j='tigase:push:jingle:0' sid='s' action='propose'/>" +
			"<event xmlns='http://tigase.org/protocol/account#event' name='x'/></n:notification></p:item></p:publish></p:pubsub></iq>",
		"other": "<iq type='set' id='1' from='a' to='b'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node=''><item><notification/></item></publish></pubsub></iq>",
	}
	files, err := filepath.Glob("testdata/stanzas/*.xml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	compared := 0
	for name, text := range texts {
		s := streamOf(t, text, 1)
		for {
			e, err := s.Read()
			if err != nil {
				break // the end, or a stream error that was captured
			}
			q := e.IQ()
			if q == nil || q.Name.Space != nsPubSub {
				continue
			}
			compared++
			var here, there pubsubXML
			here.read(q)
			if err := q.Decode(&there); err != nil {
				t.Fatal(err)
			}
			if a, b := contents(&here), contents(&there); !reflect.DeepEqual(a, b) {
				t.Errorf("%s:\n got %s\nwant %s", name, a, b)
			}
		}
	}
	if compared < 60 {
		t.Errorf("only %d publishes were compared", compared)
	}
}

// contents is all that is looked at.
func contents(x *pubsubXML) (all []string) {
	if x.Publish == nil {
		return nil
	}
	all = append(all, x.Publish.Node)
	for _, it := range x.Publish.Items {
		n := it.Notification
		if n == nil {
			all = append(all, "empty item")
			continue
		}
		if n.Form != nil {
			for _, f := range n.Form.Fields {
				all = append(all, fmt.Sprintf("%q %q", f.Var, f.Values))
			}
		}
		all = append(all, fmt.Sprintf("%t %q %+v %+v %+v %+v %+v", n.Form != nil, n.Priority, n.Groupchat, n.Encrypted, n.Jingle, n.Meet, n.Event))
	}
	return all
}

// BenchmarkPublishRead reads publishes from a stream, to the notification.
func BenchmarkPublishRead(b *testing.B) {
	text, err := os.ReadFile("testdata/stanzas/ejabberd-publish-body-and-sender.xml")
	if err != nil {
		files, _ := filepath.Glob("testdata/stanzas/*publish*.xml")
		b.Fatal(err, files)
	}
	s := streamOf(b, string(text), 0)
	b.ReportAllocs()
	for b.Loop() {
		e, err := s.Read()
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := parsePublish(e.IQ()); err != nil {
			b.Fatal(err)
		}
	}
}
