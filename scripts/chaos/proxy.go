//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"sync"
)

// proxy stands between the program and one of its peers and can break the line.
type proxy struct {
	addr string // host:port where the program finds the peer
	peer string // host:port of the peer itself
	all  sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener
	lines    map[net.Conn]bool // both ends
	gate     chan struct{}     // closed: bytes pass
}

func newProxy(peer string) (*proxy, error) {
	p := &proxy{addr: "127.0.0.1:0", peer: peer, lines: map[net.Conn]bool{}, gate: make(chan struct{})}
	close(p.gate)
	return p, p.up()
}

// port is where the program finds the peer.
func (p *proxy) port() int {
	a, err := net.ResolveTCPAddr("tcp", p.addr)
	if err != nil {
		return 0
	}
	return a.Port
}

// up lets connections be made.
func (p *proxy) up() error {
	l, err := net.Listen("tcp", p.addr)
	if err != nil {
		return fmt.Errorf("listen for %s: %w", p.peer, err)
	}
	p.mu.Lock()
	p.listener, p.addr = l, l.Addr().String()
	p.mu.Unlock()
	p.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.all.Go(func() { p.pass(c) })
		}
	})
	return nil
}

// down refuses connections and ends those that are there.
func (p *proxy) down() {
	p.mu.Lock()
	l := p.listener
	p.mu.Unlock()
	l.Close()
	p.reset()
}

// reset ends all connections with a TCP reset.
func (p *proxy) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.lines {
		if tcp, ok := c.(*net.TCPConn); ok {
			// Without it the end is an orderly one.
			_ = tcp.SetLinger(0)
		}
		c.Close()
	}
}

// hold lets no byte pass, as a router that drops all packets.
func (p *proxy) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gate = make(chan struct{})
}

// release ends hold.
func (p *proxy) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.gate)
}

func (p *proxy) close() {
	p.down()
	p.all.Wait()
}

func (p *proxy) pass(c net.Conn) {
	s, err := net.Dial("tcp", p.peer)
	if err != nil {
		c.Close()
		return
	}
	p.mu.Lock()
	p.lines[c], p.lines[s] = true, true
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { p.copy(s, c) })
	both.Go(func() { p.copy(c, s) })
	both.Wait()
	p.mu.Lock()
	delete(p.lines, c)
	delete(p.lines, s)
	p.mu.Unlock()
}

// copy passes one direction on until either end closes.
func (p *proxy) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	// How it ended does not matter: the other end is closed as well.
	_, _ = io.Copy(gated{p, to}, from)
}

// gated writes when the gate is open.
type gated struct {
	p  *proxy
	to net.Conn
}

// Write implements io.Writer.
func (g gated) Write(b []byte) (int, error) {
	g.p.mu.Lock()
	gate := g.p.gate
	g.p.mu.Unlock()
	<-gate
	return g.to.Write(b)
}
