package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// tap stands between a server's component port and the program, passes all on,
// and counts publishes and their answers.
type tap struct {
	listener net.Listener
	server   string // host:port
	all      sync.WaitGroup

	mu        sync.Mutex
	publishes map[string]int // how often each id was passed on to the program
	results   map[string]int // how often each id was answered
	errors    int
	failing   string      // type of the error that is being passed on
	answers   []string    // to publishes: result, or condition/type
	logins    []time.Time // handshakes that the server accepted
}

// newTap taps the server's component port.
func newTap(t *testing.T, server *server) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{listener: l, server: fmt.Sprintf("127.0.0.1:%d", server.components), publishes: map[string]int{}, results: map[string]int{}}
	ctx, cancel := context.WithCancel(context.Background())
	p.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.all.Go(func() { p.pass(ctx, c) })
		}
	})
	t.Cleanup(func() {
		cancel()
		l.Close()
		p.all.Wait()
	})
	return p
}

func (p *tap) port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// pass passes one connection on until either end closes it.
func (p *tap) pass(ctx context.Context, component net.Conn) {
	defer component.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	var both sync.WaitGroup
	request := "" // the id of the set that is being passed on
	copied := func(to, from net.Conn, look func(tag string)) {
		defer to.Close()
		// The end of either side is what is waited for.
		_, _ = io.Copy(to, io.TeeReader(from, &tags{look: look}))
	}
	both.Go(func() { copied(component, server, func(tag string) { request = p.fromServer(tag, request) }) })
	both.Go(func() { copied(server, component, p.fromComponent) })
	both.Wait()
}

// fromServer looks at a tag that comes inside a request.
func (p *tap) fromServer(tag, request string) (inside string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if kind, id := kindAndID(tag); kind != "" {
		return id
	}
	switch {
	case tag == "<handshake/>":
		p.logins = append(p.logins, time.Now())
	case strings.HasPrefix(tag, "<publish "):
		p.publishes[request]++
	}
	return request
}

func (p *tap) fromComponent(tag string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kind, id := kindAndID(tag)
	switch {
	case strings.HasPrefix(tag, "<error "):
		p.failing = typeOf.FindStringSubmatch(tag)[1]
	case p.failing != "" && strings.Contains(tag, "urn:ietf:params:xml:ns:xmpp-stanzas"):
		condition, _, _ := strings.Cut(tag[1:], " ")
		p.answers = append(p.answers, condition+"/"+p.failing)
		p.failing = ""
	case p.publishes[id] == 0:
	case kind == "result":
		p.results[id]++
		p.answers = append(p.answers, kind)
	case kind == "error":
		p.errors++
	}
}

var (
	typeAttr = regexp.MustCompile(`^<iq .*\btype=['"](\w+)['"]`)
	typeOf   = regexp.MustCompile(`\btype=['"](\w+)['"]`)
	idAttr   = regexp.MustCompile(`\bid=['"]([^'"]+)['"]`)
)

func kindAndID(tag string) (kind, id string) {
	t, i := typeAttr.FindStringSubmatch(tag), idAttr.FindStringSubmatch(tag)
	if t == nil || i == nil {
		return "", ""
	}
	return t[1], i[1]
}

// tags is a writer that hands over each complete tag.
type tags struct {
	look func(tag string)
	tag  []byte
}

// Write implements io.Writer.
func (w *tags) Write(b []byte) (int, error) {
	for _, c := range b {
		if c == '<' {
			w.tag = w.tag[:0]
		}
		w.tag = append(w.tag, c)
		if c == '>' {
			w.look(string(w.tag))
			w.tag = w.tag[:0]
		}
	}
	return len(b), nil
}

// loginsAfter counts the log-ins after a time and returns the first one's.
func (p *tap) loginsAfter(when time.Time) (n int, first time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range p.logins {
		if at.After(when) {
			if n++; n == 1 {
				first = at
			}
		}
	}
	return n, first
}

// answered is the number of publishes that were answered with a result.
func (p *tap) answered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for id := range p.publishes {
		if p.results[id] > 0 {
			n++
		}
	}
	return n
}

// counts are those of a whole run.
func (p *tap) counts() (publishes, answered, twice, errors int) {
	answered = p.answered()
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, n := range p.results {
		if n > p.publishes[id] {
			twice++
		}
	}
	return len(p.publishes), answered, twice, p.errors
}

// takeAnswers returns the answers to publishes since it was called last.
func (p *tap) takeAnswers() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.answers
	p.answers = nil
	return out
}
