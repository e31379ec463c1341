package ext

import (
	"context"
	"crypto/rand"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tpush/tpush/component/xmpp"
)

const (
	// maxAccepted bounds the streams that servers may open to one domain.
	maxAccepted = 16
	// maxWelcomed bounds the connections to one port that have not shown the
	// secret yet. More wait in the system's queue; each has 15 s.
	maxWelcomed = 64
)

// listen takes the connections of servers that dial us (Tigase's items of type
// accept in a process with config-type component) until ctx ends. A port in use
// is tried again.
func (e *Ext) listen(ctx context.Context, port int) {
	l := e.log.With("port", port)
	o := outage{pace: &e.pace}
	welcomed := make(chan struct{}, maxWelcomed)
	var all sync.WaitGroup
	defer all.Wait()
	for sleep(ctx, o.pause()) {
		var cfg net.ListenConfig
		socket, err := cfg.Listen(ctx, "tcp", ":"+strconv.Itoa(port))
		if err != nil {
			if o.failed(err.Error()) {
				l.Warn("cannot listen for the server: trying again", "err", err)
			}
			continue
		}
		l.Info("listening for the server")
		stop := context.AfterFunc(ctx, func() { socket.Close() })
		o = outage{pace: &e.pace}
		for {
			tcp, err := socket.Accept()
			if err != nil {
				o.failed(err.Error())
				break
			}
			welcomed <- struct{}{} // each leaves in time
			all.Go(func() {
				e.welcome(ctx, tcp, port)
				<-welcomed
			})
		}
		stop()
		socket.Close()
	}
}

// welcome opens the stream of a server that dialled and hands it to its link.
func (e *Ext) welcome(ctx context.Context, tcp net.Conn, port int) {
	find := func(domain string) *link {
		domain = strings.ToLower(domain)
		for _, l := range e.inService() {
			if l.item.listen && l.item.Port == port && l.item.Domain == domain {
				return l
			}
		}
		return nil
	}
	s, err := xmpp.Accept(ctx, tcp, rand.Text(), func(domain string) (string, bool) {
		l := find(domain)
		if l == nil {
			return "", false
		}
		return l.item.Password, true
	})
	if err != nil {
		e.log.Warn("a server's connection was refused", "from", tcp.RemoteAddr(), "port", port, "err", err)
		return
	}
	if l := find(s.Header.To); l != nil {
		select {
		case l.accepted <- s:
			return
		case <-time.After(handOver):
		case <-ctx.Done():
		}
	}
	s.Close()
}

// handOver is how long an accepted stream waits for its link to take it.
const handOver = 5 * time.Second

// receive serves the streams that a server opened.
func (l *link) receive(ctx, work context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	room := make(chan struct{}, maxAccepted)
	for {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		select {
		case s := <-l.accepted:
			all.Go(func() {
				lived, err := l.serve(ctx, work, s, &outage{pace: &l.ext.pace})
				if ctx.Err() == nil {
					l.failed(err)
					l.log.Warn("connection lost: waiting for the server", "err", err, "dur", lived.Round(time.Millisecond))
				}
				<-room
			})
		case <-ctx.Done():
			return
		}
	}
}
