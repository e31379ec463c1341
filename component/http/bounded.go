package http

import (
	"net"
	"sync"
)

// bounded is a listener with a bound on the connections at a time, over all and
// from one address. What is beyond it is closed at once: whoever holds all
// connections open keeps nobody waiting.
type bounded struct {
	net.Listener
	proxies Proxies

	mu    sync.Mutex
	total int
	from  map[string]int
}

func newBounded(l net.Listener, p Proxies) *bounded {
	return &bounded{Listener: l, proxies: p, from: map[string]int{}}
}

// Accept returns the next connection within the bounds.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := b.group(c)
		if b.enter(from) {
			return &boundedConn{Conn: c, leave: sync.OnceFunc(func() { b.leave(from) })}, nil
		}
		// It was never served: there is nobody to tell.
		_ = c.Close()
	}
}

// group is what connections are counted by; a proxy stands for many clients.
func (b *bounded) group(c net.Conn) string {
	ip := addressOf(c.RemoteAddr().String())
	if b.proxies.trusted(ip) {
		return ""
	}
	return network(ip)
}

func (b *bounded) enter(from string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.total >= maxConns || from != "" && b.from[from] >= maxConnsOfOne {
		return false
	}
	b.total++
	b.from[from]++
	return true
}

func (b *bounded) leave(from string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total--
	if b.from[from]--; b.from[from] == 0 {
		delete(b.from, from)
	}
}

// boundedConn leaves its listener's count when it is closed.
type boundedConn struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (c *boundedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
