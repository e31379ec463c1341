package ext

import (
	"context"
	"encoding/xml"
	"errors"
	"strings"
	"time"

	"github.com/tpush/tpush/component/xmpp"
	"mellium.im/xmpp/stanza"
)

// Attempt is what one trial of a connection found.
type Attempt struct {
	Domain  string
	Address string // host:port; where this process listens, ":port"
	Listens bool   // the server dials us: nothing was tried
	Server  string // name and version of the server, when it tells them
	Err     error
	Advice  string // what to do about Err
}

// tryTime bounds one trial.
const tryTime = 15 * time.Second

// Try connects once for each item and address, as Run would, asks the server
// what it is, and disconnects. It is for a program that does not run already:
// some servers end an older connection of the same domain.
func (e *Ext) Try(ctx context.Context) (out []Attempt) {
	e.Refresh(ctx)
	for _, it := range e.items() {
		if it.listen {
			out = append(out, Attempt{Domain: it.Domain, Listens: true})
			continue
		}
		d, err := newDialer(&it, e.home)
		if err != nil {
			out = append(out, Attempt{Domain: it.Domain, Err: err})
			continue
		}
		for _, address := range it.addresses(e.cfg.ServerHost) {
			a := Attempt{Domain: it.Domain, Address: address}
			if a.Server, a.Err = try(ctx, d, &it, address); a.Err != nil {
				a.Advice = explain(a.Err, it.Socket)
			}
			out = append(out, a)
		}
	}
	return out
}

func try(ctx context.Context, d *dialer, it *Item, address string) (server string, err error) {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	tcp, err := d.dial(ctx, address)
	if err != nil {
		return "", err
	}
	s, err := xmpp.Connect(ctx, tcp, it.Domain, it.Password)
	if err != nil {
		return "", err
	}
	defer s.Close()
	_, host, _ := strings.Cut(it.Domain, ".")
	ctx, done := context.WithTimeout(ctx, 3*time.Second)
	defer done()
	defer context.AfterFunc(ctx, s.Close)()
	// A server that does not tell what it is, is one all the same.
	server, _ = softwareOf(s, it.Domain, host)
	return server, nil
}

// softwareOf asks a server for its name and version (XEP-0092).
func softwareOf(s *xmpp.Stream, from, host string) (string, error) {
	const id = "tpush-doctor"
	q := &xmpp.IQ{Type: stanza.GetIQ, ID: id, From: from, To: host, Name: xml.Name{Space: "jabber:iq:version", Local: "query"}, Payload: []byte("<query xmlns='jabber:iq:version'/>")}
	if err := s.Write(q); err != nil {
		return "", err
	}
	for {
		el, err := s.Read()
		if err != nil {
			return "", err
		}
		answer := el.IQ()
		if answer == nil || answer.ID != id || answer.Request() {
			continue
		}
		if answer.Type != stanza.ResultIQ {
			return "", errors.New("the server does not tell its version")
		}
		var v struct {
			Name    string `xml:"name"`
			Version string `xml:"version"`
		}
		if err := answer.Decode(&v); err != nil {
			return "", err
		}
		return strings.TrimSpace(v.Name + " " + v.Version), nil
	}
}
