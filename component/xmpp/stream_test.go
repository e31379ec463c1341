package xmpp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"mellium.im/xmpp/stanza"
	"mellium.im/xmpp/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dialogue runs a server that reads up to each "C:" text and writes each "S:"
// text, and returns what Connect makes of it.
func dialogue(t *testing.T, lines ...string) (*Stream, error) {
	t.Helper()
	client, server := net.Pipe()
	var wait sync.WaitGroup
	t.Cleanup(wait.Wait)
	wait.Go(func() {
		defer server.Close()
		for _, line := range lines {
			if want, ok := strings.CutPrefix(line, "C:"); ok {
				if !readUpTo(server, want) {
					return
				}
			} else if _, err := io.WriteString(server, strings.TrimPrefix(line, "S:")); err != nil {
				return
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	s, err := Connect(ctx, client, "push.example.com", "s3cret")
	if err == nil {
		t.Cleanup(s.Close)
	}
	return s, err
}

func readUpTo(r io.Reader, want string) bool {
	var got strings.Builder
	buf := make([]byte, 1)
	for !strings.Contains(got.String(), want) {
		if _, err := r.Read(buf); err != nil {
			return false
		}
		got.Write(buf)
	}
	return true
}

const (
	hello  = "C:to='push.example.com'>"
	header = "S:<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' from='push.example.com' id='3f2d'>"
)

func TestConnect(t *testing.T) {
	shake := "C:<handshake>" + Digest("3f2d", "s3cret") + "</handshake>"
	for name, tc := range map[string]struct {
		lines []string
		want  error // nil: connected
	}{
		"plain":             {[]string{hello, header, shake, "S:<handshake/>"}, nil},
		"white space":       {[]string{hello, "S:<?xml version='1.0'?>\n ", header + "\n", shake, "S:\n<handshake/>\n"}, nil},
		"early stanza":      {[]string{hello, header, shake, "S:<iq id='early' type='set'><bind xmlns='urn:xmpp:component:0'/></iq><handshake/>"}, nil},
		"unknown domain":    {[]string{hello, "S:<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'><stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"}, stream.HostUnknown},
		"secret refused":    {[]string{hello, header, shake, "S:<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>Given token does not match</text></stream:error></stream:stream>"}, stream.NotAuthorized},
		"silent close":      {[]string{hello, header, shake}, ErrWrongSecret},
		"closed at once":    {[]string{hello}, io.ErrUnexpectedEOF},
		"not XMPP":          {[]string{hello, "S:HTTP/1.1 400 Bad Request\r\n\r\n"}, stream.NotWellFormed},
		"conflict":          {[]string{hello, header, shake, "S:<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"}, stream.Conflict},
		"other stream":      {[]string{hello, "S:<stream xmlns='urn:other'>"}, stream.InvalidNamespace},
		"error without end": {[]string{hello, header, shake, "S:<stream:error xmlns:stream='http://etherx.jabber.org/streams'><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"}, stream.NotWellFormed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dialogue(t, tc.lines...)
			if !errors.Is(err, tc.want) || (tc.want == nil) != (err == nil) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Error("the error shows the secret")
			}
		})
	}
}

func TestEarlyStanzasAreKept(t *testing.T) {
	s, err := dialogue(t, hello, header, "C:</handshake>", "S:<iq id='a'/><iq id='b'/><handshake/><iq id='c'/>")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a", "b", "c"} {
		e, err := s.Read()
		if err != nil || e.ID != want {
			t.Fatalf("read %+v, error %v; want id %s", e, err, want)
		}
	}
}

func TestConnectEndsWithItsContext(t *testing.T) {
	client, server := net.Pipe()
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		readUpTo(server, ">")
		cancel()
	}()
	if _, err := Connect(ctx, client, "push.example.com", "s"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

// pair connects a component's stream with a server's.
func pair(t *testing.T) (component, server *Stream) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan *Stream, 1)
	go func() {
		defer close(accepted)
		tcp, err := l.Accept()
		if err != nil {
			return
		}
		if s, err := Accept(t.Context(), tcp, "id1", func(string) (string, bool) { return "pw", true }); err == nil {
			accepted <- s
		}
	}()
	tcp, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	component, err = Connect(t.Context(), tcp, "push.example.com", "pw")
	if err != nil {
		t.Fatal(err)
	}
	if server = <-accepted; server == nil {
		t.Fatal("the server did not accept")
	}
	t.Cleanup(func() { component.Close(); server.Close() })
	return component, server
}

func TestManyWriters(t *testing.T) {
	component, server := pair(t)
	const writers, each = 50, 40
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range each {
				if err := component.Write(&IQ{Type: stanza.ResultIQ, From: "push.example.com", To: "a", ID: "x"}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range writers * each {
		if e, err := server.Read(); err != nil || e.ID != "x" {
			t.Fatalf("read %+v, error %v", e, err)
		}
	}
	all.Wait()
}

// TestWritersAheadOfTheirReader lets much more wait than the writer keeps room
// for: each stanza still arrives once, whole.
func TestWritersAheadOfTheirReader(t *testing.T) {
	component, server := pair(t)
	const writers, each = 400, 50
	body := "<a xmlns='urn:x'>" + strings.Repeat("y", 3000) + "</a>"
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d-%d", w, i)
				if err := component.Write(&IQ{Type: stanza.SetIQ, From: "push.example.com", To: "a", ID: id, Payload: []byte(body)}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	seen := map[string]int{}
	for range writers * each {
		e, err := server.Read()
		if err != nil {
			t.Fatal(err)
		}
		if seen[e.ID]++; string(e.Payload) != body {
			t.Fatalf("stanza %s came with %d bytes", e.ID, len(e.Payload))
		}
	}
	all.Wait()
	if len(seen) != writers*each {
		t.Errorf("%d of %d stanzas came", len(seen), writers*each)
	}
}

func TestBadXMLIsToldToThePeer(t *testing.T) {
	component, server := pair(t)
	if err := server.WriteRaw([]byte("<iq><a></b></iq>")); err != nil {
		t.Fatal(err)
	}
	if _, err := component.Read(); !errors.Is(err, stream.NotWellFormed) {
		t.Errorf("our error is %v", err)
	}
	if _, err := server.Read(); !errors.Is(err, stream.NotWellFormed) {
		t.Errorf("the peer's error is %v", err)
	}
}

func TestStopReadingLeavesTheStreamOpen(t *testing.T) {
	component, server := pair(t)
	stopped := make(chan error, 1)
	go func() {
		_, err := component.Read()
		stopped <- err
	}()
	component.StopReading()
	if err := <-stopped; !errors.Is(err, ErrStopped) {
		t.Errorf("Read returned %v", err)
	}
	if err := component.Write(&IQ{Type: stanza.ResultIQ, ID: "late", From: "a", To: "b"}); err != nil {
		t.Error(err)
	}
	if e, err := server.Read(); err != nil || e.ID != "late" {
		t.Errorf("the peer read %+v, error %v", e, err)
	}
	component.Close()
	if _, err := server.Read(); !errors.Is(err, io.EOF) {
		t.Errorf("after the close the peer reads %v, want the end of the stream", err)
	}
}

func TestUnsentAnswersAreKept(t *testing.T) {
	client, server := net.Pipe() // unbuffered: a write waits for its reader
	s := newStream(client)
	server.Close()
	if err := s.Write(&IQ{Type: stanza.ResultIQ, ID: "1", From: "a", To: "b"}); err == nil {
		t.Fatal("a write to a closed connection succeeded")
	}
	if got := string(s.Unsent()); !strings.Contains(got, "id='1'") {
		t.Errorf("unsent %q", got)
	}
	if s.Take(&IQ{Type: stanza.ResultIQ, ID: "2", From: "a", To: "b"}) || strings.Contains(string(s.Unsent()), "id='2'") {
		t.Error("a broken stream takes a stanza")
	}
	s.Close()
}

// The end of a stream that cannot be written is none of the stanzas that go out on
// the next one: it would end that.
func TestEndIsNotUnsent(t *testing.T) {
	client, server := net.Pipe()
	s := newStream(client)
	server.Close()
	s.Close()
	if got := s.Unsent(); len(got) != 0 {
		t.Errorf("unsent %q", got)
	}
}

// A stanza is written, or unsent, or not taken: whoever writes it elsewhere must
// know which, or it goes out twice.
func TestTakenStanzas(t *testing.T) {
	client, server := net.Pipe()
	s := newStream(client)
	server.Close()
	if !s.Take(&IQ{Type: stanza.ResultIQ, ID: "1", From: "a", To: "b"}) {
		t.Error("the stanza is unsent, and not taken")
	}
	if got := string(s.Unsent()); strings.Count(got, "id='1'") != 1 {
		t.Errorf("unsent %q", got)
	}
	if s.TakeRaw([]byte("<iq id='2'/>")) {
		t.Error("a broken stream takes a stanza")
	}
	s.Close()
}
