// Package push is the push component: it answers what XMPP servers and clients
// ask of an XEP-0357 push service (discovery, ad-hoc commands, publishes) by
// calling the use cases of [Service].
//
// It does not know APNs, FCM, SQL or TDSL.
package push

import (
	"context"
	"encoding/xml"
	"log/slog"
	"time"

	"github.com/tpush/tpush/component/xmpp"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// Name is what the component is called in service discovery. Clients of Tigase's
// component may show it.
const Name = "Push Notifications component"

const (
	nsDiscoInfo  = "http://jabber.org/protocol/disco#info"
	nsDiscoItems = "http://jabber.org/protocol/disco#items"
	nsCommands   = "http://jabber.org/protocol/commands"
	nsPubSub     = "http://jabber.org/protocol/pubsub"
	nsPush       = "urn:xmpp:push:0"
	nsPing       = "urn:xmpp:ping"
	nsVersion    = "jabber:iq:version"
	nsData       = "jabber:x:data"
)

// Component answers requests by their payload's name.
type Component struct {
	service  *Service
	cfg      Config
	version  string
	log      *slog.Logger
	handlers map[request]handler
	commands []command
	config   func() (string, error)
	seen     traffic
	// What was parsed of the addresses that came lately.
	senders, receivers addresses
}

// request is what a handler is found by.
type request struct {
	kind stanza.IQType
	name xml.Name
}

// handler answers one kind of request: a payload for the result, or an error.
type handler func(ctx context.Context, q *xmpp.IQ, from jid.JID) (payload any, err error)

// NewComponent returns a component over the use cases; version is what it tells
// in answers to jabber:iq:version.
func NewComponent(s *Service, cfg Config, version string, l *slog.Logger) *Component {
	c := &Component{service: s, cfg: cfg, version: version, log: l, senders: newAddresses(), receivers: newAddresses()}
	c.seen = newTraffic(s.stats)
	c.commands = append([]command{c.registerCommand(), c.unregisterCommand()}, append(c.accountCommands(), c.adminCommands()...)...)
	c.handlers = map[request]handler{
		{stanza.GetIQ, xml.Name{Space: nsDiscoInfo, Local: "query"}}:  limited(c.discoInfo),
		{stanza.GetIQ, xml.Name{Space: nsDiscoItems, Local: "query"}}: limited(c.discoItems),
		{stanza.GetIQ, xml.Name{Space: nsPing, Local: "ping"}}:        c.ping,
		{stanza.GetIQ, xml.Name{Space: nsVersion, Local: "query"}}:    c.softwareVersion,
		{stanza.SetIQ, xml.Name{Space: nsCommands, Local: "command"}}: limited(c.adHoc),
		{stanza.SetIQ, xml.Name{Space: nsPubSub, Local: "pubsub"}}:    c.publish,
	}
	return c
}

// limited bounds a handler's time, as that of a publish is.
func limited(h handler) handler {
	return func(ctx context.Context, q *xmpp.IQ, from jid.JID) (any, error) {
		ctx, cancel := context.WithTimeout(ctx, publishTime)
		defer cancel()
		return h(ctx, q, from)
	}
}

// Service returns the use cases.
func (c *Component) Service() *Service { return c.service }

// ShowConfig says where the text of the effective configuration comes from,
// secrets masked, for administrators. It is called before requests come.
func (c *Component) ShowConfig(text func() (string, error)) { c.config = text }

// HandleIQ answers one request.
func (c *Component) HandleIQ(ctx context.Context, q *xmpp.IQ) *xmpp.IQ {
	began := time.Now()
	a := c.answer(ctx, q)
	took := time.Since(began)
	c.seen.note(q, a, began.Add(took), took)
	return a
}

func (c *Component) answer(ctx context.Context, q *xmpp.IQ) *xmpp.IQ {
	h, from, refusal := c.handler(q)
	if h == nil {
		return refusal
	}
	payload, err := h(ctx, q, from)
	if err != nil {
		return c.fail(q, err)
	}
	return q.Result(payload)
}

// handler finds who handles a request, and whom it is from, or the answer of
// type error to a request that nobody does.
func (c *Component) handler(q *xmpp.IQ) (h handler, from jid.JID, refusal *xmpp.IQ) {
	if q.Children != 1 {
		return nil, from, q.Fail(xmpp.NewError(stanza.Modify, stanza.BadRequest, "a request has exactly one child element"))
	}
	from, err := c.senders.of(q.From, q.FromJID)
	if err == nil {
		_, err = c.receivers.of(q.To, q.ToJID)
	}
	if err != nil {
		return nil, from, q.Fail(xmpp.NewError(stanza.Modify, stanza.JIDMalformed, ""))
	}
	if h = c.handlers[request{q.Type, q.Name}]; h == nil {
		refusal = q.Fail(xmpp.NewError(stanza.Cancel, stanza.FeatureNotImplemented, ""))
	}
	return h, from, refusal
}

// fail answers a request that failed.
func (c *Component) fail(q *xmpp.IQ, err error) *xmpp.IQ {
	a := stanzaError(err)
	if a.Condition == stanza.InternalServerError {
		c.service.tellTrouble(q.Name.Local, err)
	}
	return q.Fail(a)
}

func (c *Component) ping(context.Context, *xmpp.IQ, jid.JID) (any, error) { return nil, nil }

// softwareVersion follows XEP-0092, with Tigase's rule for the name.
func (c *Component) softwareVersion(context.Context, *xmpp.IQ, jid.JID) (any, error) {
	return struct {
		XMLName xml.Name `xml:"jabber:iq:version query"`
		Name    string   `xml:"name"`
		Version string   `xml:"version"`
	}{Name: Name, Version: c.version}, nil
}
