package ext

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tpush/tpush/component/ext/exttest"
	"github.com/tpush/tpush/component/xmpp"
)

// peer is the server's end of one connection, byte by byte.
type peer struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func (p *peer) send(text string) {
	if _, err := io.WriteString(p.conn, text); err != nil {
		p.t.Errorf("write to the component: %v", err)
	}
}

// until reads up to and including a text, and returns what it read.
func (p *peer) until(end string) string {
	var got strings.Builder
	for !strings.HasSuffix(got.String(), end) {
		b, err := p.r.ReadByte()
		if err != nil {
			p.t.Errorf("read %q from the component: %v after %q", end, err, got.String())
			break
		}
		got.WriteByte(b)
	}
	return got.String()
}

const tigaseHeader = "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' from='push.example.com' id='66d8840e'>"

// logIn takes the component's header and handshake, and accepts it.
func (p *peer) logIn() {
	p.until("to='push.example.com'>")
	p.send(tigaseHeader)
	p.until("<handshake>" + xmpp.Digest("66d8840e", "s3cret") + "</handshake>")
	p.send("<handshake/>")
}

// serveBytes runs an ext bean against servers written as functions: the n-th
// connection is handled by the n-th, and what comes later is refused. It
// returns the log when all have returned.
func serveBytes(t *testing.T, h Handler, scripts ...func(p *peer)) string {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	var log lockedLog
	cfg := Defaults()
	cfg.PerHost = 1
	cfg.Items = []Item{{Domain: domain, Password: "s3cret", Host: "127.0.0.1", Port: socket.Addr().(*net.TCPAddr).Port}}
	e, err := New(cfg, t.TempDir(), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	e.pace = fast
	e.pace.probe, e.pace.silence = time.Hour, time.Hour
	e.Route(func(string) (Handler, error) { return h, nil })
	run(t, e)
	for i, script := range scripts {
		conn, err := socket.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		p := &peer{t: t, conn: conn, r: bufio.NewReader(conn)}
		if i == len(scripts)-1 {
			socket.Close()
		}
		script(p)
		conn.Close()
	}
	eventually(t, "the component saw the end", func() bool {
		return strings.Contains(log.String(), "connection lost") || strings.Contains(log.String(), "cannot connect")
	})
	return log.String()
}

type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

const publish = "<iq type='set' id='%' from='example.com' to='push.example.com/res'><a xmlns='urn:x'/></iq>"

func answerTo(id string) string {
	return "<iq type='result' id='" + id + "' from='push.example.com/res' to='example.com'/>"
}

func withID(id string) string { return strings.Replace(publish, "%", id, 1) }

// Tigase routes a domain before it has answered the handshake, and asks for
// other host names then (tigase-live section 1.1).
func TestStanzasBeforeTheHandshakesAnswer(t *testing.T) {
	serveBytes(t, &echo{}, func(p *peer) {
		p.until("to='push.example.com'>")
		p.send("\n" + tigaseHeader + " \n")
		p.until("</handshake>")
		p.send(`<iq id="bind-1" type="set"><bind xmlns="urn:xmpp:component:0"><hostname>x</hostname></bind></iq>` + withID("early") + "\n<handshake/>")
		if got := p.until("/>"); got != answerTo("early") {
			t.Errorf("the component sent %q", got)
		}
	})
}

// Addresses and ids come back byte for byte, and nothing else is written:
// Prosody loses stanzas with a jabber:client namespace, and ends the stream for
// a comment.
func TestAnswersByteForByte(t *testing.T) {
	id := "rr-1795375193154-+/=OM4okSyDJKB1DKEF7Uhx54kH+n8=-51684740"
	serveBytes(t, &echo{}, func(p *peer) {
		p.logIn()
		for _, b := range []byte(withID(id)) {
			p.send(string(b))
		}
		if got := p.until("/>"); got != answerTo(id) {
			t.Errorf("to a request that came byte by byte, the component sent %q", got)
		}
		p.send(strings.Repeat(withID("x")+" ", 10))
		for range 10 {
			if got := p.until("/>"); got != answerTo("x") {
				t.Errorf("to ten requests at once, the component sent %q", got)
			}
		}
	})
}

// What is neither a request nor an answer is refused (RFC 6120 section 8.2.3),
// and who names no receiver means the stream's domain: an empty from would end
// the stream at Prosody.
func TestRequestsOutOfOrder(t *testing.T) {
	const head, ping = " id='1' from='push.example.com' to='a'", "<ping xmlns='urn:xmpp:ping'/>"
	refused := "<iq type='error'" + head + ">" + ping + "<error type='modify' code='400'><bad-request "
	for _, tc := range []struct{ attributes, want string }{
		{"to='push.example.com'", refused},
		{"to='push.example.com' type='ask'", refused},
		{"type='get'", "<iq type='result'" + head + "/>"},
	} {
		serveBytes(t, &echo{}, func(p *peer) {
			p.logIn()
			p.send("<iq type='error' from='a' to='push.example.com' id='0'/><iq from='a' id='1' " + tc.attributes + ">" + ping + "</iq>")
			if got := p.until(tc.want); got != tc.want {
				t.Errorf("to a request with %s the component sent %q, want %s", tc.attributes, got, tc.want)
			}
		})
	}
}

func TestAdviceForRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		script func(p *peer)
		want   string
	}{
		"Tigase does not know the domain": {func(p *peer) {
			p.until("to='push.example.com'>")
			p.send("<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' from='push.example.com'>" +
				"<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")
		}, "the server does not know this component's domain"},
		"Prosody does not know the domain": {func(p *peer) {
			p.until("to='push.example.com'>")
			p.send("<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' xml:lang='en' id='' xmlns='jabber:component:accept'>" +
				"<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>push.example.com does not match any configured external components</text></stream:error></stream:stream>")
		}, "does not match any configured external components"},
		"Tigase refuses the secret": {func(p *peer) {
			p.until("to='push.example.com'>")
			p.send(tigaseHeader)
			p.until("</handshake>")
		}, "the password of the item is not the server's secret for this domain"},
		"ejabberd refuses the secret": {func(p *peer) {
			p.until("to='push.example.com'>")
			p.send(tigaseHeader)
			p.until("</handshake>")
			p.send("<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")
		}, "or the server (ejabberd) does not know the domain"},
		"not a server": {func(p *peer) {
			p.until("to='push.example.com'>")
			p.send("HTTP/1.1 400 Bad Request\r\n\r\n")
		}, "this is no port for components"},
	} {
		t.Run(name, func(t *testing.T) {
			if log := serveBytes(t, &echo{}, tc.script); !strings.Contains(log, tc.want) {
				t.Errorf("the log says\n%s\nwant: %s", log, tc.want)
			}
		})
	}
}

// Ill-formed XML ends the stream with the condition, and the next one works.
func TestIllFormedXMLEndsTheStream(t *testing.T) {
	for _, tc := range []struct{ text, condition string }{
		{"<iq a=b/>", "not-well-formed"},
		{"<!-- a comment -->", "restricted-xml"},
		{"<?pi?>", "restricted-xml"},
		{"<iq>&undefined;</iq>", "not-well-formed"},
	} {
		t.Run(tc.text, func(t *testing.T) {
			serveBytes(t, &echo{}, func(p *peer) {
				p.logIn()
				p.send(tc.text)
				if got := p.until("</stream:stream>"); !strings.Contains(got, "<"+tc.condition+" ") {
					t.Errorf("the component sent %q, want %s", got, tc.condition)
				}
			}, func(p *peer) {
				p.logIn()
				p.send(withID("after"))
				p.until(answerTo("after"))
			})
		})
	}
}

// Tigase answers </stream:stream> but keeps the connection and goes on routing
// to it: it must be closed, not half-closed (tigase-live section 1.1).
func TestConnectionIsClosedAfterTheStream(t *testing.T) {
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	cfg := Defaults()
	cfg.Items = []Item{{Domain: domain, Password: "s3cret", Host: "127.0.0.1", Port: socket.Addr().(*net.TCPAddr).Port}}
	e, err := New(cfg, t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	e.Route(func(string) (Handler, error) { return &echo{}, nil })
	stop := run(t, e)
	conn, err := socket.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, conn: conn, r: bufio.NewReader(conn)}
	p.logIn()
	p.send(withID("served"))
	p.until(answerTo("served"))
	go stop()
	p.until("</stream:stream>")
	if _, err := p.r.ReadByte(); err != io.EOF {
		t.Errorf("after the stream's end: %v, want EOF", err)
	}
	stop()
}

// A server that dials this process (its item: connect; ours: accept, with
// config-type component) is served like one that is dialled.
func TestListensForTheServer(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	port := free.Addr().(*net.TCPAddr).Port
	cfg := Defaults()
	cfg.ConfigType = "component"
	cfg.Items = []Item{{Domain: domain, Password: "s3cret", Type: "accept", Port: port}, {Domain: "other.example.com", Password: "x", Type: "accept", Port: port}}
	e, err := New(cfg, t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	e.pace = fast
	e.Route(func(string) (Handler, error) { return &echo{}, nil })
	run(t, e)
	// The port is still in use: this waits for it.
	free.Close()
	dial := func(secret string) (*xmpp.Stream, error) {
		var conn net.Conn
		eventually(t, "the component listens", func() bool {
			conn, err = net.Dial("tcp", address)
			return err == nil
		})
		return xmpp.Connect(t.Context(), conn, domain, secret)
	}
	if _, err := dial("wrong"); err == nil {
		t.Error("a wrong secret was accepted")
	}
	s, err := dial("s3cret")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Write(request("1", "a")); err != nil {
		t.Fatal(err)
	}
	el, err := s.Read()
	for err == nil && el.Type == "get" {
		el, err = s.Read() // a probe
	}
	if err != nil || el.ID != "1" || el.Type != "result" {
		t.Errorf("answer %+v, %v", el, err)
	}
}

// Items of a list come and go while the program runs.
func TestListsAreReadAgain(t *testing.T) {
	s := server(t, exttest.Options{})
	var mu sync.Mutex
	var items []Item
	found := false
	set := func(now []Item) {
		mu.Lock()
		defer mu.Unlock()
		items, found = now, now != nil
	}
	e, err := New(Defaults(), t.TempDir(), slog.New(slog.DiscardHandler), List{Name: "test", Server: true, Read: func(context.Context) ([]Item, bool, error) {
		mu.Lock()
		defer mu.Unlock()
		return items, found, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	e.pace = fast
	e.cfg.PerHost, e.cfg.ServerHost, e.cfg.ConfigType = 1, "127.0.0.1", "component"
	e.Route(func(string) (Handler, error) { return &echo{}, nil })
	var told []string
	e.TellDomains(func(_ context.Context, domains []string) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, strings.Join(domains, " "))
	})
	run(t, e)
	it := Item{Domain: domain, Password: "s3cret", Type: "accept", Port: s.Port()}
	wait := func(n int) {
		t.Helper()
		if err := s.Wait(within(t), domain, n); err != nil {
			t.Fatal(err)
		}
	}
	set([]Item{it, {Domain: "server.example.com", Type: "connect", Password: "x", Port: 1}, {Domain: "bad.example.com"}})
	wait(1)
	set(nil) // the row is missing: nothing changes
	it.Host = "ignored.example.com"
	set([]Item{it})
	eventually(t, "the changed item has a connection of its own", func() bool { return s.Connects() == 2 })
	wait(1)
	set([]Item{})
	wait(0)
	if c := e.Connections(); len(c) != 0 {
		t.Errorf("connections %+v after the item was removed", c)
	}
	eventually(t, "that there is no domain any more is told", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(told) == 2
	})
	if told[0] != domain || told[1] != "" || len(e.Domains()) != 0 {
		t.Errorf("told of the domains %q, and there are %q", told, e.Domains())
	}
}
