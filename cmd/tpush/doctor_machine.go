package main

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/tpush/tpush/beans"
)

const (
	subjectClock = "Clock"
	subjectHTTP  = "HTTP"
)

// clock looks whether the machine's clock is kept right: the push services
// refuse requests that are signed minutes off.
func (d *doctor) clock(context.Context) {
	switch kept, known := clockKept(); {
	case time.Now().Year() < 2026:
		d.ill(subjectClock, "set the clock", "it is %s here", time.Now().UTC().Format(time.DateTime))
	case !known:
		d.warn(subjectClock, "make sure that it is", "it cannot be told whether the clock is kept right: %s UTC", time.Now().UTC().Format(time.DateTime))
	case !kept:
		d.warn(subjectClock, "install chrony or systemd-timesyncd, unless the machine around this one keeps it", "the kernel does not know the clock to be kept right by a time server: %s UTC", time.Now().UTC().Format(time.DateTime))
	default:
		d.well(subjectClock, "it is kept right by a time server")
	}
}

// http looks whether the ports for apps answer.
func (d *doctor) http(ctx context.Context) {
	n := 0
	for _, f := range beans.Built[*httpFace](d.graph) {
		for _, c := range f.connectors {
			n++
			address := c.Address
			if host, port, err := net.SplitHostPort(address); err == nil && host == "" {
				address = net.JoinHostPort("localhost", port)
			}
			scheme := "http"
			if c.TLS != nil {
				scheme = "https"
			}
			d.port(ctx, scheme, address)
		}
	}
	if n == 0 {
		d.well(subjectHTTP, "no port is configured: apps cannot unregister without a login, which few do")
	}
}

// port asks for something that is not there; any answer is good.
func (d *doctor) port(ctx context.Context, scheme, address string) {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", address)
	if !d.running {
		if err == nil {
			conn.Close()
			d.warn(subjectHTTP, "give one of them another port", "another program has the port %s", address)
			return
		}
		d.well(subjectHTTP, "the port %s is free", address)
		return
	}
	if err != nil {
		d.ill(subjectHTTP, "look into the log for 'cannot listen'", "%v", err)
		return
	}
	defer conn.Close()
	if scheme == "https" {
		d.well(subjectHTTP, "%s is open, with TLS", address)
		return
	}
	limit, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(limit, http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		d.ill(subjectHTTP, "", "%v", err)
		return
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		d.ill(subjectHTTP, "another program may have the port", "%s does not speak HTTP: %v", address, err)
		return
	}
	answer.Body.Close()
	d.well(subjectHTTP, "%s answers; without TLS it is for a proxy in front of it only", address)
}
