package push

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"fmt"

	"github.com/tpush/tpush/component/stats"
	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/repository"
	"mellium.im/xmpp/form"
	"mellium.im/xmpp/jid"
)

// command is one ad-hoc command (XEP-0050). None keeps a session: what decides
// the step is whether a submitted form is there, as in Tigase.
type command struct {
	node     string
	name     string
	group    string
	everyone bool // it is for all users, unless the configuration says otherwise
	// form is the first step; nil: the command needs no values and runs at once.
	form func(ctx context.Context, r *commandRequest) (*xmpp.Form, error)
	// run gets the submitted form and returns that of the result; one of type
	// form is the next step.
	run func(ctx context.Context, r *commandRequest) (*xmpp.Form, error)
}

// commandRequest is one step of a command as somebody asks for it.
type commandRequest struct {
	from    jid.JID
	service string
	others  bool       // the sender may deal with other users' devices
	form    *xmpp.Form // submitted; empty at the first step
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
func (c *Component) adHoc(ctx context.Context, q *xmpp.IQ, from jid.JID) (any, error) {
	var in commandXML
	if err := q.Decode(&in); err != nil {
		return nil, &InputError{Text: err.Error()}
	}
	cmd := c.command(in.Node)
	if cmd == nil {
		return nil, fmt.Errorf("command %q: %w", in.Node, repository.ErrNotFound)
	}
	if !c.mayRun(cmd, from) {
		return nil, ErrNotAllowed
	}
	out := &commandXML{Node: in.Node, SessionID: in.SessionID}
	r := &commandRequest{from: from, service: serviceOf(q.To), others: c.mayManage(cmd, from), form: in.Form}
	switch {
	case in.Action == "cancel" || in.Form != nil && in.Form.Type == form.TypeCancel:
		out.Status = "canceled"
		return out, nil
	case in.Form != nil && in.Form.Type != form.TypeSubmit && in.Form.Type != "":
		return nil, &InputError{Text: "the form must be of type submit"}
	}
	c.service.stats.Counter(stats.Desc{Name: "adhoc-command/" + cmd.node + "/Executions", Level: stats.Fine}).Inc()
	result, err := cmd.step(ctx, r, in.Action == "prev")
	if err != nil {
		return nil, err
	}
	out.show(result)
	return out, nil
}

// step runs the first step when no form was submitted, else the second.
func (cmd *command) step(ctx context.Context, r *commandRequest, back bool) (*xmpp.Form, error) {
	first := cmd.form != nil && (r.form == nil || back)
	if r.form == nil || back {
		r.form = &xmpp.Form{}
	}
	if !first {
		return cmd.run(ctx, r)
	}
	f, err := cmd.form(ctx, r)
	if err != nil {
		return nil, err
	}
	f.Type = form.TypeForm
	return f, nil
}

// show puts a step's form into the answer. Further steps belong to a session
// for clients that want one.
func (out *commandXML) show(f *xmpp.Form) {
	out.Form, out.Status = f, "completed"
	if f.Type != form.TypeForm {
		f.Type = form.TypeResult
		return
	}
	out.Status = "executing"
	out.Actions = &actionsXML{Execute: "complete"}
	if out.SessionID == "" {
		out.SessionID = rand.Text()
	}
}
