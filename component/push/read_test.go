package push

import (
	"context"
	"encoding/xml"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/providers"
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
			var here publication
			here.read(q)
			var there pubsubXML
			if err := q.Decode(&there); err != nil {
				t.Fatal(err)
			}
			if want := there.publication(); !reflect.DeepEqual(here, want) {
				t.Errorf("%s:\n got %+v\nwant %+v", name, here, want)
			}
		}
	}
	if compared < 60 {
		t.Errorf("only %d publishes were compared", compared)
	}
}

// pubsubXML says in tags what is read of a publish.
type pubsubXML struct {
	XMLName xml.Name `xml:"http://jabber.org/protocol/pubsub pubsub"`
	Publish *struct {
		Node  string `xml:"node,attr"`
		Items []struct {
			Notification *notificationXML `xml:"urn:xmpp:push:0 notification"`
		} `xml:"http://jabber.org/protocol/pubsub item"`
	} `xml:"http://jabber.org/protocol/pubsub publish"`
}

type notificationXML struct {
	Form      xmpp.Form `xml:"jabber:x:data x"`
	Priority  string    `xml:"tigase:push:priority:0 priority"`
	Groupchat *struct {
		Nickname string `xml:"nickname"`
	} `xml:"http://tigase.org/protocol/muc#offline groupchat"`
	Encrypted *struct {
		IV   string `xml:"iv,attr"`
		Type string `xml:"type,attr"`
		Data string `xml:",chardata"`
	} `xml:"tigase:push:encrypt:0 encrypted"`
	Jingle *struct {
		Action string   `xml:"action,attr"`
		SID    string   `xml:"sid,attr"`
		Media  []string `xml:"media"`
	} `xml:"tigase:push:jingle:0 jingle"`
	Meet *struct {
		ID    string   `xml:"id,attr"`
		Media []string `xml:"media"`
	} `xml:"tigase:push:meet:0 meet"`
	Event *struct {
		Name string `xml:"name,attr"`
	} `xml:"http://tigase.org/protocol/account#event event"`
}

func (x *pubsubXML) publication() (p publication) {
	if x.Publish == nil {
		return p
	}
	p.there, p.node = true, x.Publish.Node
	for _, it := range x.Publish.Items {
		if it.Notification != nil {
			p.pushes, p.content = true, it.Notification.content()
			break
		}
	}
	return p
}

func (x *notificationXML) content() content {
	value := func(name string) formValue {
		for _, f := range x.Form.Fields {
			if f.Var == name && len(f.Values) > 0 {
				return formValue{strings.TrimSpace(f.Values[0]), true}
			}
		}
		return formValue{}
	}
	c := content{priority: x.Priority, form: formSummary{value("FORM_TYPE"), value("message-count"), value("last-message-sender"), value("last-message-body")}}
	if x.Groupchat != nil {
		c.groupchat = &groupchat{x.Groupchat.Nickname}
	}
	if e := x.Encrypted; e != nil {
		c.encrypted = &encrypted{e.IV, e.Type, e.Data}
	}
	if x.Jingle != nil {
		c.jingle = &jingle{x.Jingle.Action, x.Jingle.SID, x.Jingle.Media}
	}
	if x.Meet != nil {
		c.meet = &meet{x.Meet.ID, x.Meet.Media}
	}
	if x.Event != nil {
		c.event = &event{x.Event.Name}
	}
	return c
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
		if _, err := parsePublish(e.IQ(), new(providers.Notification)); err != nil {
			b.Fatal(err)
		}
	}
}
