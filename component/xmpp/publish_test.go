package xmpp

import (
	"encoding/xml"
	"strconv"
	"strings"
	"testing"
	"time"
)

// publication is what a push component wants of a publish.
type publication struct {
	id, from, to                 string
	node, sender, body, nickname string
	count                        int
	high                         bool
}

// read reads a publish by the reader and a cursor.
func (p *publication) read(r *reader) error {
	e, err := r.next()
	if err != nil {
		return err
	}
	p.walk(e.IQ())
	return nil
}

func (p *publication) walk(q *IQ) {
	p.id, p.from, p.to = q.ID, q.From, q.To
	for c := q.Walk(); c.Next(0); {
		for c.Next(1) {
			if !c.Is("http://jabber.org/protocol/pubsub", "publish") {
				continue
			}
			p.node = c.Attr("node")
			for c.Next(2) { // items
				for c.Next(3) {
					if c.Is("urn:xmpp:push:0", "notification") {
						p.notification(&c)
					}
				}
			}
		}
	}
}

func (p *publication) notification(c *Cursor) {
	for c.Next(4) {
		switch {
		case c.Is("jabber:x:data", "x"):
			for c.Next(5) {
				switch {
				case c.Has("var", "message-count") && c.Next(6):
					p.count, _ = strconv.Atoi(c.Text())
				case c.Has("var", "last-message-sender") && c.Next(6):
					p.sender = c.Text()
				case c.Has("var", "last-message-body") && c.Next(6):
					p.body = c.Text()
				}
			}
		case c.Is("tigase:push:priority:0", "priority"):
			p.high = c.HasText("high")
		case c.Is("http://tigase.org/protocol/muc#offline", "groupchat"):
			for c.Next(5) {
				p.nickname = c.Text()
			}
		}
	}
}

// publicationXML is the same for encoding/xml.
type publicationXML struct {
	ID      string `xml:"id,attr"`
	From    string `xml:"from,attr"`
	To      string `xml:"to,attr"`
	Publish struct {
		Node         string `xml:"node,attr"`
		Notification struct {
			Fields []struct {
				Var   string `xml:"var,attr"`
				Value string `xml:"value"`
			} `xml:"jabber:x:data x>field"`
			Priority string `xml:"tigase:push:priority:0 priority"`
			Nickname string `xml:"http://tigase.org/protocol/muc#offline groupchat>nickname"`
		} `xml:"item>notification"`
	} `xml:"pubsub>publish"`
}

func (x *publicationXML) publication() publication {
	n := &x.Publish.Notification
	p := publication{id: x.ID, from: x.From, to: x.To, node: x.Publish.Node, high: n.Priority == "high", nickname: n.Nickname}
	for _, f := range n.Fields {
		switch f.Var {
		case "message-count":
			p.count, _ = strconv.Atoi(f.Value)
		case "last-message-sender":
			p.sender = f.Value
		case "last-message-body":
			p.body = f.Value
		}
	}
	return p
}

// publishText is a publish as Tigase makes one of a group chat's message.
var publishText = "<iq type='set' id='0e5a5a3e-0b8e-4d44-8ad0-6f9d7c1f60f1' from='example.com/" + strings.Repeat("3f", 32) + "' to='push.example.com'>" +
	"<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='5f0e3c8a-0a55-4b7d-9b55-1f7a0f1c2d3e'><item><notification xmlns='urn:xmpp:push:0'>" +
	"<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:push:summary</value></field><field var='message-count'><value>3</value></field>" +
	"<field var='last-message-sender'><value>room@muc.example.org/ola</value></field><field var='last-message-body'><value>See you &amp; her at &quot;noon&quot; &lt;3</value></field></x>" +
	"<groupchat xmlns='http://tigase.org/protocol/muc#offline'><nickname>ola</nickname></groupchat>" +
	"<priority xmlns='tigase:push:priority:0'>high</priority></notification></item></publish>" +
	"<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field><field var='secret'><value>6e1f0d2c</value></field></x></publish-options></pubsub></iq>"

// endless is a stream of publishes.
type endless struct {
	first string
	rest  string
}

func (e *endless) Read(p []byte) (n int, _ error) {
	p = p[:min(len(p), 4096)]
	if e.first != "" {
		e.rest, e.first = e.first, ""
	}
	for n < len(p) {
		if e.rest == "" {
			e.rest = publishText
		}
		m := copy(p[n:], e.rest)
		e.rest = e.rest[m:]
		n += m
	}
	return n, nil
}

// publishes returns two readers of endless publishes: of this package and of
// encoding/xml.
func publishes(t testing.TB) (here func(*publication), there func(*publication)) {
	r := newReader(&endless{first: open})
	if _, err := r.header(); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(&endless{first: open})
	next := func() xml.StartElement {
		for {
			tok, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			if s, ok := tok.(xml.StartElement); ok {
				return s
			}
		}
	}
	next()
	return func(p *publication) {
			if err := p.read(r); err != nil {
				t.Fatal(err)
			}
		}, func(p *publication) {
			start := next()
			var x publicationXML
			if err := d.DecodeElement(&x, &start); err != nil {
				t.Fatal(err)
			}
			*p = x.publication()
		}
}

// BenchmarkPublish reads publishes from a stream into a struct, in turns with
// encoding/xml, and reports the ratio of the fastest turns.
func BenchmarkPublish(b *testing.B) {
	here, there := publishes(b)
	b.Run("here", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var p publication
			here(&p)
		}
	})
	b.Run("encoding-xml", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var p publication
			there(&p)
		}
	})
	b.Run("ratio", func(b *testing.B) {
		best := func(best float64, read func(*publication)) float64 {
			const times = 30
			var p publication
			from := time.Now()
			for range times {
				read(&p)
			}
			return min(best, float64(time.Since(from))/times)
		}
		h, t := 1e9, 1e9
		for b.Loop() {
			h, t = best(h, here), best(t, there)
		}
		b.ReportMetric(h, "ns/here")
		b.ReportMetric(t, "ns/encoding-xml")
		b.ReportMetric(h/t, "ratio")
	})
}

// BenchmarkAnswer appends an empty result.
func BenchmarkAnswer(b *testing.B) {
	q := &IQ{Type: "result", ID: "0e5a5a3e-0b8e-4d44-8ad0-6f9d7c1f60f1", From: "push.example.com", To: "example.com/" + strings.Repeat("3f", 32)}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = q.Append(buf[:0])
	}
}
