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
	"mellium.im/xmpp/stanza"
)

// TestCapturedStanzas gives the component every stanza that was captured from
// a real server, through a real stream, and sees that each request gets an
// answer to its own address.
func TestCapturedStanzas(t *testing.T) {
	files, err := filepath.Glob("testdata/stanzas/*.xml")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	w := newWorld(t, nil)
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range read(t, string(text)) {
				q := e.IQ()
				if q == nil || !q.Request() || q.From == "" {
					continue
				}
				answer := w.HandleIQ(t.Context(), q)
				if answer.To != q.From || answer.From != q.To || answer.ID != q.ID || answer.Type != stanza.ResultIQ && answer.Type != stanza.ErrorIQ {
					t.Errorf("answer %s", answer.Append(nil))
				}
				if strings.Contains(name, "publish") && answer.Type == stanza.ErrorIQ && answer.Error.Condition != stanza.ItemNotFound && answer.Error.Type != stanza.Wait && !strings.Contains(name, "by-client") {
					t.Errorf("a publish is answered with %v", answer.Error)
				}
			}
		})
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
