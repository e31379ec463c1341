package push

import (
	"context"
	"encoding/xml"
	"slices"
	"strconv"
	"strings"

	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
)

// pubsubXML is a publish as XEP-0357 section 6 has it. Unknown children are
// passed over, the form's FORM_TYPE is not looked at (Tigase's differs by
// version), and the publish-options belong to the client's own server. The tags
// say what [pubsubXML.read] does; a test compares the two.
type pubsubXML struct {
	XMLName xml.Name    `xml:"http://jabber.org/protocol/pubsub pubsub"`
	Publish *publishXML `xml:"http://jabber.org/protocol/pubsub publish"`
}

type publishXML struct {
	Node  string    `xml:"node,attr"`
	Items []itemXML `xml:"http://jabber.org/protocol/pubsub item"`
}

type itemXML struct {
	Notification *notificationXML `xml:"urn:xmpp:push:0 notification"`
}

type notificationXML struct {
	Form      *xmpp.Form    `xml:"jabber:x:data x"`
	Priority  string        `xml:"tigase:push:priority:0 priority"`
	Groupchat *groupchatXML `xml:"http://tigase.org/protocol/muc#offline groupchat"`
	Encrypted *encryptedXML `xml:"tigase:push:encrypt:0 encrypted"`
	Jingle    *jingleXML    `xml:"tigase:push:jingle:0 jingle"`
	Meet      *meetXML      `xml:"tigase:push:meet:0 meet"`
	Event     *eventXML     `xml:"http://tigase.org/protocol/account#event event"`
}

type groupchatXML struct {
	Nickname string `xml:"nickname"`
}

type encryptedXML struct {
	IV   string `xml:"iv,attr"`
	Type string `xml:"type,attr"`
	Data string `xml:",chardata"`
}

type jingleXML struct {
	Action string   `xml:"action,attr"`
	SID    string   `xml:"sid,attr"`
	Media  []string `xml:"media"`
}

type meetXML struct {
	ID    string   `xml:"id,attr"`
	Media []string `xml:"media"`
}

type eventXML struct {
	Name string `xml:"name,attr"`
}

// publish takes one publish of a server and answers when the push service has.
func (c *Component) publish(ctx context.Context, q *xmpp.IQ) (any, error) {
	err := c.mayPublish(q)
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
	node, n, err := parsePublish(q)
	if err != nil {
		return err
	}
	return c.service.Publish(ctx, serviceOf(q.To), node, n)
}

// mayPublish lets servers publish, not users: clients can send publishes
// through Prosody and ejabberd. Servers publish from their bare domain, Tigase
// from one with a resource of its own.
func (c *Component) mayPublish(q *xmpp.IQ) error {
	from, err := q.FromJID()
	if err != nil {
		return err
	}
	if from.Localpart() != "" || from.Resourcepart() != "" && !tigaseResource.MatchString(q.From) {
		return ErrForbidden
	}
	if len(c.cfg.Publishers) > 0 && !slices.ContainsFunc(c.cfg.Publishers, func(p string) bool {
		return strings.EqualFold(strings.TrimSpace(p), from.Domainpart())
	}) {
		return ErrForbidden
	}
	return nil
}

// parsePublish reads the node and the notification out of a request.
func parsePublish(q *xmpp.IQ) (node string, n providers.Notification, err error) {
	var in pubsubXML
	in.read(q)
	if in.Publish == nil {
		return "", n, &InputError{Text: "there is no publish"}
	}
	if in.Publish.Node == "" {
		return "", n, repository.ErrNotFound
	}
	for _, item := range in.Publish.Items {
		if item.Notification != nil {
			return in.Publish.Node, item.Notification.notification(fromTigase(q.From, item.Notification.Form)), nil
		}
	}
	return "", n, &InputError{Text: "there is no item with a push notification"}
}

// notification reads what was published, with the habits of each server made
// even (reference: tigase-live section 8, servers section 8).
func (x *notificationXML) notification(tigase bool) providers.Notification {
	n := providers.Notification{Priority: priority(x.Priority)}
	if x.Form != nil {
		n.Sender = x.Form.Value("last-message-sender")
		if text := x.Form.Text("last-message-body"); strings.TrimSpace(text) != "" {
			n.Body = text // white space at its ends is the message's
		}
		if count, err := strconv.Atoi(x.Form.Value("message-count")); err == nil && count >= 0 {
			n.Count = &count
		}
	}
	if x.Groupchat != nil {
		n.Groupchat, n.Nickname = true, x.Groupchat.Nickname
	}
	if e := x.Encrypted; e != nil && strings.TrimSpace(e.Data) != "" && e.IV != "" {
		n.Encrypted = &providers.Encrypted{Data: strings.TrimSpace(e.Data), IV: e.IV, VoIP: e.Type == "voip"}
	}
	if x.Jingle != nil {
		n.Call = &providers.Call{Action: x.Jingle.Action, SID: x.Jingle.SID, Media: x.Jingle.Media}
	} else if x.Meet != nil {
		n.Call = &providers.Call{SID: x.Meet.ID, Media: x.Meet.Media, Meet: true}
	}
	if x.Event != nil {
		n.Event = x.Event.Name
	}
	if tigase {
		fromTigaseServer(&n)
	} else {
		fromOtherServer(&n)
	}
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
