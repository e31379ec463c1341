package push

import (
	"context"
	"strconv"

	"github.com/tpush/tpush/component/xmpp"
	"mellium.im/xmpp/form"
)

// Fields of the device commands (guide section 4.2; device-second-token is what
// Siskin sends for calls).
const (
	fieldProvider    = "provider"
	fieldToken       = "device-token"
	fieldSecondToken = "device-second-token"
)

// registerCommand is register-device (guide section 4.2). The result's node is
// text-single: Stork and older Siskin read no other type.
func (c *Component) registerCommand() command {
	return command{
		node: "register-device",
		name: "Register device", everyone: true,
		form: func(context.Context, *commandRequest) (*xmpp.Form, error) {
			f := c.deviceForm("Register device", "Choose a provider and give the token of the device.")
			f.Fields = append(f.Fields, xmpp.Field{Var: fieldSecondToken, Type: form.TypeText, Label: "Second device token (VoIP)"})
			return f, nil
		},
		run: func(ctx context.Context, r *commandRequest) (*xmpp.Form, error) {
			d, p, err := c.service.Register(ctx, r.service, r.from, r.registration())
			if err != nil {
				return nil, err
			}
			return &xmpp.Form{Fields: []xmpp.Field{
				xmpp.TextField("node", d.Node),
				{Var: "features", Type: form.TypeTextMulti, Values: p.Features},
				xmpp.TextField("max-payload-size", strconv.Itoa(p.MaxPayload)),
			}}, nil
		},
	}
}

// unregisterCommand is unregister-device (guide section 4.3).
func (c *Component) unregisterCommand() command {
	return command{
		node: "unregister-device",
		name: "Unregister device", everyone: true,
		form: func(context.Context, *commandRequest) (*xmpp.Form, error) {
			return c.deviceForm("Unregister device", "Choose the provider and give the token that the device was registered with."), nil
		},
		run: func(ctx context.Context, r *commandRequest) (*xmpp.Form, error) {
			if _, err := c.service.Unregister(ctx, r.service, r.from, r.registration()); err != nil {
				return nil, err
			}
			return &xmpp.Form{Title: "Unregister device", Instructions: "The device is no longer registered."}, nil
		},
	}
}

func (r *commandRequest) registration() Registration {
	return Registration{Provider: r.form.Value(fieldProvider), Token: r.form.Value(fieldToken), SecondToken: r.form.Value(fieldSecondToken)}
}

// deviceForm is the first step of both commands: provider and token.
func (c *Component) deviceForm(title, instructions string) *xmpp.Form {
	provider := xmpp.Field{Var: fieldProvider, Type: form.TypeList, Label: "Provider", Required: &struct{}{}}
	for _, p := range c.service.Providers() {
		provider.Options = append(provider.Options, xmpp.FieldOption{Label: p.Label, Value: p.ID})
	}
	return &xmpp.Form{Title: title, Instructions: instructions, Fields: []xmpp.Field{
		provider,
		{Var: fieldToken, Type: form.TypeText, Label: "Device token", Required: &struct{}{}},
	}}
}
