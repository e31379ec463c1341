//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/net/dns/dnsmessage"
)

// What a resolver does with questions.
const (
	answering = iota
	failing   // SERVFAIL
	mute      // nothing
)

// resolver is a DNS server for which every name is this machine.
type resolver struct {
	conn net.PacketConn
	mode atomic.Int32
	all  sync.WaitGroup
}

// newResolver starts one and makes it the resolver of this mount namespace; file
// takes the place of /etc/resolv.conf there.
func newResolver(file string) (*resolver, error) {
	ip := net.IPv4(127, byte(1+rand.N(250)), byte(1+rand.N(250)), byte(1+rand.N(250)))
	conn, err := net.ListenPacket("udp", ip.String()+":53")
	if err != nil {
		return nil, fmt.Errorf("listen for DNS: %w", err)
	}
	if err := os.WriteFile(file, []byte("nameserver "+ip.String()+"\n"), 0o644); err != nil {
		return nil, fmt.Errorf("write resolv.conf: %w", err)
	}
	if err := syscall.Mount(file, "/etc/resolv.conf", "", syscall.MS_BIND, ""); err != nil {
		return nil, fmt.Errorf("mount resolv.conf: %w", err)
	}
	r := &resolver{conn: conn}
	r.all.Go(r.serve)
	return r, nil
}

func (r *resolver) serve() {
	buf := make([]byte, 1500)
	for {
		n, from, err := r.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var q dnsmessage.Message
		if r.mode.Load() == mute || q.Unpack(buf[:n]) != nil || len(q.Questions) != 1 {
			continue
		}
		a := dnsmessage.Message{Header: dnsmessage.Header{ID: q.ID, Response: true, RecursionDesired: true, RecursionAvailable: true}, Questions: q.Questions}
		switch {
		case r.mode.Load() == failing:
			a.RCode = dnsmessage.RCodeServerFailure
		case q.Questions[0].Type == dnsmessage.TypeA:
			a.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Questions[0].Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET},
				Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
		}
		if out, err := a.Pack(); err == nil {
			// A question without an answer is asked again.
			_, _ = r.conn.WriteTo(out, from)
		}
	}
}

func (r *resolver) close() {
	r.conn.Close()
	r.all.Wait()
}
