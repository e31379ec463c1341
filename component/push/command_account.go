package push

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/repository"
	"mellium.im/xmpp/form"
	"mellium.im/xmpp/jid"
)

// Fields of the commands about an account's devices. The first is called as in
// Tigase's own commands about users.
const (
	fieldUser    = "userJid"
	fieldDevice  = "device"
	fieldMessage = "message"

	groupDevices = "Devices"
	// optionsShown is how many devices one can choose from; with more, their
	// names can still be typed by a program.
	optionsShown = 50
)

// accountCommands are those about the devices of an account: the sender's own,
// or for administrators any.
func (c *Component) accountCommands() []command {
	about := func(node, name string, run func(context.Context, *commandRequest, string) (*xmpp.Form, error)) command {
		return command{node: node, name: name, group: groupDevices, everyone: true, form: c.userForm(name),
			run: func(ctx context.Context, r *commandRequest) (*xmpp.Form, error) {
				account, err := r.account()
				if err != nil {
					return nil, err
				}
				return run(ctx, r, account)
			}}
	}
	list := about("list-devices", "List devices", c.listDevices)
	remove := about("remove-device", "Unregister a device", c.removeDevice)
	all := about("remove-all-devices", "Unregister all devices", c.removeDevices)
	explain := about("explain", "Explain why a push did not arrive", c.explain)
	test := about("send-test-notification", "Send a test notification", c.sendTest)
	test.everyone = false
	return []command{list, remove, all, test, explain}
}

// userForm is the first step: whose devices. It is for those who may look at
// others' only, but everyone can leave it empty.
func (c *Component) userForm(title string) func(context.Context, *commandRequest) (*xmpp.Form, error) {
	return func(_ context.Context, r *commandRequest) (*xmpp.Form, error) {
		user := xmpp.Field{Var: fieldUser, Type: form.TypeJID, Label: "User's address", Values: []string{r.from.Bare().String()}}
		f := &xmpp.Form{Title: title, Instructions: "Your own devices are meant.", Fields: []xmpp.Field{user}}
		if r.others {
			f.Instructions = "Whose devices are meant? Leave the field empty for your own."
		}
		return f, nil
	}
}

// account is the account that a request is about: the one named, else the
// sender's.
func (r *commandRequest) account() (string, error) {
	own := r.from.Bare()
	named := r.form.Value(fieldUser)
	if named == "" {
		if own.Localpart() == "" {
			return "", &InputError{Text: "Missing value for field " + fieldUser}
		}
		return own.String(), nil
	}
	j, err := jid.Parse(named)
	if err != nil || j.Localpart() == "" {
		return "", &InputError{Text: fmt.Sprintf("%s: %q is not the address of a user", fieldUser, abbreviate(named))}
	}
	if !j.Bare().Equal(own) && !r.others {
		return "", errOthers
	}
	return j.Bare().String(), nil
}

func (c *Component) listDevices(ctx context.Context, r *commandRequest, account string) (*xmpp.Form, error) {
	all, err := c.service.ListDevices(ctx, r.service, account)
	if err != nil {
		return nil, err
	}
	shown := all[max(0, len(all)-optionsShown):]
	var lines []string
	for i := len(shown) - 1; i >= 0; i-- {
		lines = append(lines, describeDevice(shown[i]))
	}
	f := &xmpp.Form{Title: "Devices of " + account, Fields: []xmpp.Field{xmpp.TextField("count", fmt.Sprint(len(all)))}}
	if len(lines) > 0 {
		f.Fields = append(f.Fields, xmpp.LinesField("devices", "Devices, the newest first", lines))
	}
	return f, nil
}

// describeDevice is a device in one line.
func describeDevice(d repository.Device) string {
	line := DeviceID(d)
	if !d.Registered.IsZero() {
		line += ", registered " + stamp(d.Registered)
	}
	switch {
	case !d.LastFailure.Time.IsZero():
		line += ", failing since " + stamp(d.LastFailure.Time) + " (" + d.LastFailure.Reason + ")"
	case !d.LastAccepted.IsZero():
		line += ", pushes accepted"
	default:
		line += ", no push yet"
	}
	return line
}

// removeDevice asks for the device first, once the account is known.
func (c *Component) removeDevice(ctx context.Context, r *commandRequest, account string) (*xmpp.Form, error) {
	id := r.form.Value(fieldDevice)
	if id == "" {
		return c.chooseDevice(ctx, r, account, "Unregister a device", false)
	}
	d, err := c.service.RemoveDevice(ctx, r.service, account, id, removedBy(r, account))
	if err != nil {
		return nil, err
	}
	return noteForm("Unregister a device", "Operation successful. "+DeviceID(d)+" is no longer registered."), nil
}

func (c *Component) removeDevices(ctx context.Context, r *commandRequest, account string) (*xmpp.Form, error) {
	n, err := c.service.RemoveDevices(ctx, r.service, account, removedBy(r, account))
	if err != nil && n == 0 {
		return nil, err
	}
	note := fmt.Sprintf("Operation successful. Devices of %s that are no longer registered: %d.", account, n)
	if err != nil {
		note = fmt.Sprintf("Devices of %s that are no longer registered: %d. Others still are: run the command again.", account, n)
	}
	return noteForm("Unregister all devices", note), nil
}

// removedBy is the reason to keep for a removal.
func removedBy(r *commandRequest, account string) repository.Reason {
	if r.from.Bare().String() == account {
		return repository.ReasonUnregistered
	}
	return repository.ReasonAdmin
}

// sendTest asks for the device and the text first, once the account is known.
func (c *Component) sendTest(ctx context.Context, r *commandRequest, account string) (*xmpp.Form, error) {
	const title, all = "Send a test notification", "all"
	text := r.form.Value(fieldMessage)
	if text == "" {
		f, err := c.chooseDevice(ctx, r, account, title, true)
		if err == nil && f.Type == form.TypeForm {
			f.Fields = append(f.Fields, xmpp.Field{Var: fieldMessage, Type: form.TypeText, Label: "Text", Values: []string{"This is a test."}, Required: &struct{}{}})
		}
		return f, err
	}
	id := r.form.Value(fieldDevice)
	if id == all {
		id = ""
	}
	results, err := c.service.SendTest(ctx, r.service, account, id, text)
	if errors.Is(err, repository.ErrNotFound) && id == "" {
		return noteForm(title, account+" has no device here."), nil
	}
	if err != nil {
		return nil, err
	}
	var lines []string
	for i := range results {
		lines = append(lines, results[i].String())
	}
	return &xmpp.Form{Title: title, Fields: []xmpp.Field{xmpp.LinesField("results", "What the push service answered", lines)}}, nil
}

// chooseDevice is the second step: which of the account's devices.
func (c *Component) chooseDevice(ctx context.Context, r *commandRequest, account, title string, all bool) (*xmpp.Form, error) {
	devices, err := c.service.ListDevices(ctx, r.service, account)
	if err != nil {
		return nil, err
	}
	if len(devices) == 0 {
		return noteForm(title, account+" has no device here."), nil
	}
	choice := xmpp.Field{Var: fieldDevice, Type: form.TypeList, Label: "Device", Required: &struct{}{}}
	if all {
		choice.Values = []string{"all"}
		choice.Options = append(choice.Options, xmpp.FieldOption{Label: "All devices", Value: "all"})
	}
	for i := len(devices) - 1; i >= max(0, len(devices)-optionsShown); i-- {
		choice.Options = append(choice.Options, xmpp.FieldOption{Label: describeDevice(devices[i]), Value: DeviceID(devices[i])})
	}
	return &xmpp.Form{Type: form.TypeForm, Title: title, Instructions: "Devices of " + account, Fields: []xmpp.Field{
		{Var: fieldUser, Type: form.TypeHidden, Values: []string{account}}, choice}}, nil
}

func (c *Component) explain(ctx context.Context, r *commandRequest, account string) (*xmpp.Form, error) {
	e, err := c.service.Explain(ctx, r.service, account)
	if err != nil {
		return nil, err
	}
	if !r.others {
		e.Providers = nil // how many devices others have is not for everyone
	}
	return &xmpp.Form{Title: "Pushes to " + account, Fields: []xmpp.Field{
		xmpp.TextField("conclusion", e.Conclusion),
		xmpp.LinesField("explanation", "Explanation", textLines(e.Text())),
	}}, nil
}

func textLines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }

// noteForm is a result that is a sentence, as Tigase's commands have it.
func noteForm(title, note string) *xmpp.Form {
	return &xmpp.Form{Title: title, Fields: []xmpp.Field{{Var: "Note", Type: form.TypeFixed, Values: []string{note}}}}
}
