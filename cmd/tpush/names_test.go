package main

import (
	"net"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// serveNames answers DNS questions on a port of the loopback: push.a.test has a
// server, where nothing listens; nothing else exists. It stands for the record
// that the README asks for, so that ejabberd keeps registrations while the
// component is away.
func serveNames(t *testing.T) (port int) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer := nameAnswer(buf[:n]); answer != nil {
				// Who asked asks again when this does not arrive.
				_, _ = c.WriteTo(answer, from)
			}
		}
	}()
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	return c.LocalAddr().(*net.UDPAddr).Port
}

func nameAnswer(question []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(question) != nil || len(m.Questions) == 0 {
		return nil
	}
	q := m.Questions[0]
	m.Response, m.Additionals = true, nil
	if q.Type == dnsmessage.TypeSRV && q.Name.String() == "_xmpp-server._tcp.push.a.test." {
		m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60},
			Body: &dnsmessage.SRVResource{Port: 1, Target: dnsmessage.MustNewName("localhost.")}}}
	} else {
		m.RCode = dnsmessage.RCodeNameError
	}
	answer, err := m.Pack()
	if err != nil {
		return nil
	}
	return answer
}
