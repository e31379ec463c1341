package push

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"fmt"

	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/repository"
	"mellium.im/xmpp/form"
)

// command is one ad-hoc command (XEP-0050). None keeps a session: what decides
// the step is whether a submitted form is there, as in Tigase.
type command struct {
	node     string
	name     string
	group    string
	everyone bool // it is for all users, unless the configuration says otherwise
	// form is the first step.
	form func() *xmpp.Form
	// run is the second: it gets the submitted form and returns that of the
	// result.
	run func(ctx context.Context, q *xmpp.IQ, in *xmpp.Form) (*xmpp.Form, error)
}

type commandXML struct {
	XMLName   xml.Name    `xml:"http://jabber.org/protocol/commands command"`
	Node      string      `xml:"node,attr"`
	Status    string      `xml:"status,attr,omitempty"`
	Action    string      `xml:"action,attr,omitempty"`
	SessionID string      `xml:"sessionid,attr,omitempty"`
	Actions   *actionsXML `xml:"actions"`
	Form      *xmpp.Form  `xml:"jabber:x:data x"`
}

type actionsXML struct {
	Execute  string   `xml:"execute,attr"`
	Complete struct{} `xml:"complete"`
}

// command finds a command by its node; nil when there is none.
func (c *Component) command(node string) *command {
	for i := range c.commands {
		if c.commands[i].node == node {
			return &c.commands[i]
		}
	}
	return nil
}

// adHoc runs one step of a command. Apart from a cancel, the action and the
// session are not looked at; clients of Tigase send neither.
func (c *Component) adHoc(ctx context.Context, q *xmpp.IQ) (any, error) {
	var in commandXML
	if err := q.Decode(&in); err != nil {
		return nil, &InputError{Text: err.Error()}
	}
	cmd := c.command(in.Node)
	if cmd == nil {
		return nil, fmt.Errorf("command %q: %w", in.Node, repository.ErrNotFound)
	}
	from, err := q.FromJID()
	if err != nil {
		return nil, err
	}
	if !c.mayRun(cmd, from) {
		return nil, ErrNotAllowed
	}
	out := commandXML{Node: in.Node, SessionID: in.SessionID}
	switch {
	case in.Action == "cancel" || in.Form != nil && in.Form.Type == form.TypeCancel:
		out.Status = "canceled"
	case in.Form == nil || in.Action == "prev":
		out.Status = "executing"
		out.SessionID = rand.Text()
		out.Actions = &actionsXML{Execute: "complete"}
		out.Form = cmd.form()
		out.Form.Type = form.TypeForm
	case in.Form.Type != form.TypeSubmit && in.Form.Type != "":
		return nil, &InputError{Text: "the form must be of type submit"}
	default:
		result, err := cmd.run(ctx, q, in.Form)
		if err != nil {
			return nil, err
		}
		out.Status = "completed"
		out.Form = result
		out.Form.Type = form.TypeResult
	}
	return out, nil
}
