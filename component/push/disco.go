package push

import (
	"context"
	"encoding/xml"
	"maps"
	"slices"

	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/repository"
	"mellium.im/xmpp/form"
	"mellium.im/xmpp/jid"
)

type discoInfo struct {
	XMLName  xml.Name       `xml:"http://jabber.org/protocol/disco#info query"`
	Node     string         `xml:"node,attr,omitempty"`
	Identity *discoIdentity `xml:"identity"`
	Features []discoFeature `xml:"feature"`
	Contacts *xmpp.Form     `xml:"jabber:x:data x"`
}

type discoIdentity struct {
	Category string `xml:"category,attr"`
	Type     string `xml:"type,attr"`
	Name     string `xml:"name,attr"`
}

type discoFeature struct {
	Var string `xml:"var,attr"`
}

type discoItems struct {
	XMLName xml.Name    `xml:"http://jabber.org/protocol/disco#items query"`
	Node    string      `xml:"node,attr,omitempty"`
	Items   []discoItem `xml:"item"`
}

type discoItem struct {
	JID   string `xml:"jid,attr"`
	Node  string `xml:"node,attr"`
	Name  string `xml:"name,attr"`
	Group string `xml:"group,attr,omitempty"` // Tigase's extension: its Admin UI makes a menu of it
}

// discoInfo answers for the component, the list of commands, and each command
// (XEP-0030 section 3, XEP-0050 section 2). Each active provider's id is itself
// a feature: Siskin looks for it.
func (c *Component) discoInfo(_ context.Context, q *xmpp.IQ, from jid.JID) (any, error) {
	var asked discoInfo
	if err := q.Decode(&asked); err != nil {
		return nil, &InputError{Text: err.Error()}
	}
	out := discoInfo{Node: asked.Node}
	switch cmd := c.command(asked.Node); {
	case asked.Node == "":
		out.Identity = &discoIdentity{"pubsub", "push", Name}
		out.Features = features(nsDiscoInfo, nsDiscoItems, nsCommands, nsPing, nsVersion, nsPush)
		for _, p := range c.service.Providers() {
			out.Features = append(out.Features, features(append([]string{p.ID}, p.Aliases...)...)...)
		}
		out.Contacts = contacts(c.cfg.Contacts)
	case asked.Node == nsCommands:
		out.Identity = &discoIdentity{"automation", "command-list", Name}
		out.Features = features(nsCommands)
	case cmd != nil && c.mayRun(cmd, from):
		out.Identity = &discoIdentity{"automation", "command-node", cmd.name}
		out.Features = features(nsCommands, nsData)
	default:
		return nil, repository.ErrNotFound
	}
	return out, nil
}

// discoItems lists the commands that the sender may run; the component has no
// other items.
func (c *Component) discoItems(_ context.Context, q *xmpp.IQ, from jid.JID) (any, error) {
	var asked discoItems
	if err := q.Decode(&asked); err != nil {
		return nil, &InputError{Text: err.Error()}
	}
	out := discoItems{Node: asked.Node}
	if asked.Node == nsCommands {
		for i := range c.commands {
			cmd := &c.commands[i]
			if !c.mayRun(cmd, from) {
				continue
			}
			out.Items = append(out.Items, discoItem{JID: q.To, Node: cmd.node, Name: cmd.name, Group: cmd.group})
		}
	}
	return out, nil
}

func features(vars ...string) []discoFeature {
	out := make([]discoFeature, len(vars))
	for i, v := range vars {
		out[i] = discoFeature{v}
	}
	return out
}

// contactKinds are those of XEP-0157, in the order in which Tigase shows them.
var contactKinds = []string{"abuse-addresses", "admin-addresses", "feedback-addresses", "sales-addresses", "security-addresses", "support-addresses"}

// contacts is the form with the addresses of the people behind the service
// (XEP-0157 section 2); nil when there are none. Kinds of one's own come last.
func contacts(addresses map[string][]string) *xmpp.Form {
	f := &xmpp.Form{Type: form.TypeResult, Fields: []xmpp.Field{{Var: "FORM_TYPE", Type: form.TypeHidden, Values: []string{"http://jabber.org/network/serverinfo"}}}}
	add := func(kind string) {
		if list := addresses[kind]; len(list) > 0 {
			f.Fields = append(f.Fields, xmpp.Field{Var: kind, Type: form.TypeListMulti, Values: list})
		}
	}
	for _, kind := range contactKinds {
		add(kind)
	}
	for _, kind := range slices.Sorted(maps.Keys(addresses)) {
		if !slices.Contains(contactKinds, kind) {
			add(kind)
		}
	}
	if len(f.Fields) == 1 {
		return nil
	}
	return f
}
