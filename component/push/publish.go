package push

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
	"mellium.im/xmpp/jid"
)

// publication is what counts of a publish (XEP-0357 section 6). Unknown
// children are passed over, the form's FORM_TYPE decides nothing about what it
// holds (Tigase's differs by version), and the publish-options belong to the
// client's own server.
type publication struct {
	there  bool // there is a publish
	node   string
	pushes bool // it has an item with a push notification: the first counts
	content
}

// content is what a notification holds.
type content struct {
	form      formSummary
	priority  string
	groupchat *groupchat
	encrypted *encrypted
	jingle    *jingle
	meet      *meet
	event     *event
}

// formSummary is the notification's form. Of a field that comes twice the first
// with a value counts.
type formSummary struct{ kind, count, sender, body formValue }

type formValue struct {
	text  string // without the white space around it
	there bool
}

type groupchat struct{ nickname string }

type encrypted struct{ iv, kind, data string }

type jingle struct {
	action, sid string
	media       []string
}

type meet struct {
	id    string
	media []string
}

type event struct{ name string }

// publish takes one publish of a server and answers when the push service has.
func (c *Component) publish(ctx context.Context, q *xmpp.IQ, from jid.JID) (any, error) {
	err := c.mayPublish(q, from)
	if err == nil {
		if err = c.pushOut(ctx, q); err != nil {
			err = &publishError{err}
		}
	}
	c.service.counts.publish(err)
	return nil, err
}

// pushOut pushes what a request publishes.
func (c *Component) pushOut(ctx context.Context, q *xmpp.IQ) error {
	var n providers.Notification
	node, err := parsePublish(q, &n)
	if err != nil {
		return err
	}
	return c.service.Publish(ctx, serviceOf(q.To), node, &n)
}

// mayPublish lets servers publish, not users: clients can send publishes
// through Prosody and ejabberd. Servers publish from their bare domain, Tigase
// from one with a resource of its own.
func (c *Component) mayPublish(q *xmpp.IQ, from jid.JID) error {
	if from.Localpart() != "" || from.Resourcepart() != "" && !fromTigaseNode(q.From) {
		return ErrForbidden
	}
	if len(c.cfg.Publishers) > 0 && !slices.ContainsFunc(c.cfg.Publishers, func(p string) bool {
		return strings.EqualFold(strings.TrimSpace(p), from.Domainpart())
	}) {
		return ErrForbidden
	}
	return nil
}

// parsePublish reads the node and the notification out of a request. What it
// reads into does not stand on the stack while the push is under way.
//
//go:noinline
func parsePublish(q *xmpp.IQ, n *providers.Notification) (node string, err error) {
	var in publication
	in.read(q)
	switch {
	case !in.there:
		return "", &InputError{Text: "there is no publish"}
	case in.node == "":
		return "", repository.ErrNotFound
	case !in.pushes:
		return "", &InputError{Text: "there is no item with a push notification"}
	}
	*n = in.notification(fromTigase(q.From, in.form.kind.text))
	return in.node, nil
}

// notification reads what was published, with the habits of each server made
// even (reference: tigase-live section 8, servers section 8).
func (x *content) notification(tigase bool) providers.Notification {
	n := providers.Notification{Priority: priority(x.priority), Sender: x.form.sender.text}
	if strings.TrimSpace(x.form.body.text) != "" {
		n.Body = x.form.body.text // white space at its ends is the message's
	}
	if count, err := strconv.Atoi(x.form.count.text); err == nil && count >= 0 {
		n.Count = &count
	}
	if x.groupchat != nil {
		n.Groupchat, n.Nickname = true, x.groupchat.nickname
	}
	if e := x.encrypted; e != nil && strings.TrimSpace(e.data) != "" && e.iv != "" {
		n.Encrypted = &providers.Encrypted{Data: strings.TrimSpace(e.data), IV: e.iv, VoIP: e.kind == "voip"}
	}
	if x.jingle != nil {
		n.Call = &providers.Call{Action: x.jingle.action, SID: x.jingle.sid, Media: x.jingle.media}
	} else if x.meet != nil {
		n.Call = &providers.Call{SID: x.meet.id, Media: x.meet.media, Meet: true}
	}
	if x.event != nil {
		n.Event = x.event.name
	}
	if tigase {
		fromTigaseServer(&n)
	} else {
		fromOtherServer(&n)
	}
	withText(&n)
	return n
}

func priority(text string) providers.Priority {
	switch strings.TrimSpace(text) {
	case "high":
		return providers.High
	case "low":
		return providers.Low
	}
	return providers.Unset
}
