package push

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
)

// TestCapturedStanzas gives the component every stanza that was captured from
// a real server, through a real stream. What comes of each request is compared
// with testdata/replies: the answer as a tree (attributes come in any order), and
// what is pushed. The nodes that are published to are those of a device.
func TestCapturedStanzas(t *testing.T) {
	files, err := filepath.Glob("testdata/stanzas/*.xml")
	if err != nil || len(files) < 190 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r := &ruleWorld{t: t}
			var b strings.Builder
			for _, e := range read(t, string(text)) {
				q := e.IQ()
				if q == nil || !q.Request() || q.From == "" {
					b.WriteString("no answer\n")
					continue
				}
				r.known(q)
				b.WriteString(r.outcome(q))
			}
			golden(t, filepath.Join("testdata", "replies", strings.TrimSuffix(name, ".xml")+".txt"), b.String())
		})
	}
}

// known registers the device of the node that a request publishes to.
func (r *ruleWorld) known(q *xmpp.IQ) {
	r.open()
	node, err := parsePublish(q, new(providers.Notification))
	if err != nil {
		return
	}
	_, err = r.devices.Register(r.t.Context(), repository.Key{Service: serviceOf(q.To), Account: "ala@example.com",
		Providers: []string{"tigase:messenger:apns:1"}, Token: "AABB"}, "ccdd", node)
	if err != nil {
		r.t.Fatal(err)
	}
}

// read reads the stanzas of a text as they come on a component's stream.
func read(t *testing.T, text string) (all []*xmpp.Element) {
	t.Helper()
	if strings.Contains(text, "<stream:stream") || strings.HasPrefix(text, "<?xml") {
		return nil // a whole stream's opening, which package xmpp tests
	}
	client, server := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer server.Close()
		if !readTo(server, ">") {
			return
		}
		io.WriteString(server, "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1'>")
		if !readTo(server, "</handshake>") {
			return
		}
		io.WriteString(server, "<handshake/>"+text)
	}()
	s, err := xmpp.Connect(t.Context(), client, service, "s")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.Close(); <-done }()
	for {
		e, err := s.Read()
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !strings.Contains(text, "<stream:error") {
				t.Errorf("read: %v", err)
			}
			return all
		}
		all = append(all, e)
	}
}

func readTo(c net.Conn, end string) bool {
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	var got strings.Builder
	b := make([]byte, 512)
	for !strings.HasSuffix(got.String(), end) || end == ">" && !strings.Contains(got.String(), "<stream:stream") {
		n, err := c.Read(b)
		if err != nil {
			return false
		}
		got.Write(b[:n])
	}
	return true
}
