package push

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tpush/tpush/component/stats"
	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/providers"
	"mellium.im/xmpp/form"
)

// Fields of the administrators' commands. Those of the certificate are our own,
// as Tigase's are not public; scripts may use shorter names.
const (
	fieldCertificate = "apns-certificate"
	fieldPassword    = "apns-cert-password"
	fieldLevel       = "Stats level"

	groupConfiguration = "Configuration"
	groupStatistics    = "Statistics"
)

// adminCommands are those about the service itself.
func (c *Component) adminCommands() []command {
	return []command{
		{node: "set-apns-certificate", name: "Set APNS certificate", group: groupConfiguration, form: c.certificateForm, run: c.setCertificate},
		{node: "remove-apns-certificate", name: "Remove stored APNS certificate", group: groupConfiguration, form: c.certificateChoice, run: c.removeCertificate},
		{node: "config-dump", name: "Show configuration", group: groupConfiguration, run: c.dump},
		{node: "provider-status", name: "Provider status", group: groupStatistics, run: c.providerStatus},
		{node: "stats", name: "Get statistics", group: groupStatistics, run: c.statistics},
	}
}

// certificateForm is the first step of set-apns-certificate.
func (c *Component) certificateForm(context.Context, *commandRequest) (*xmpp.Form, error) {
	return &xmpp.Form{Title: "Set APNS certificate", Instructions: "Paste the base64 encoded .p12 file (or PEM) and its password.", Fields: []xmpp.Field{
		c.certificateProviders(),
		{Var: fieldCertificate, Type: form.TypeTextMulti, Label: "Certificate", Required: &struct{}{}},
		{Var: fieldPassword, Type: form.TypeTextPrivate, Label: "Password"},
	}}, nil
}

// certificateProviders lets one choose among the providers that push with a
// certificate.
func (c *Component) certificateProviders() xmpp.Field {
	choice := xmpp.Field{Var: fieldProvider, Type: form.TypeList, Label: "APNS provider", Required: &struct{}{}}
	for _, info := range c.service.Providers() {
		p, _ := c.service.set.Lookup(info.ID)
		if _, ok := p.(providers.CertificateUser); !ok {
			continue
		}
		choice.Options = append(choice.Options, xmpp.FieldOption{Label: info.ID, Value: info.ID})
		if choice.Values == nil {
			choice.Values = []string{info.ID}
		}
	}
	return choice
}

func (c *Component) setCertificate(ctx context.Context, r *commandRequest) (*xmpp.Form, error) {
	provider := r.form.Value(fieldProvider)
	if provider == "" {
		return nil, &InputError{Text: "Missing value for field " + fieldProvider}
	}
	text := r.form.Text(fieldCertificate, "certificate", "cert")
	password := r.form.Text(fieldPassword, "cert-password", "password")
	expires, err := c.service.SetCertificate(ctx, provider, text, password)
	if err != nil {
		return nil, err
	}
	return noteForm("Set APNS certificate", "Operation successful. Valid until "+expires.UTC().Format(time.DateOnly)+"."), nil
}

// certificateChoice is the first step of remove-apns-certificate.
func (c *Component) certificateChoice(context.Context, *commandRequest) (*xmpp.Form, error) {
	return &xmpp.Form{Title: "Remove stored APNS certificate", Instructions: "The provider then uses the certificate of the configuration file, if there is one.",
		Fields: []xmpp.Field{c.certificateProviders()}}, nil
}

func (c *Component) removeCertificate(ctx context.Context, r *commandRequest) (*xmpp.Form, error) {
	if err := c.service.RemoveCertificate(ctx, r.form.Value(fieldProvider)); err != nil {
		return nil, err
	}
	return noteForm("Remove stored APNS certificate", "Operation successful."), nil
}

func (c *Component) providerStatus(ctx context.Context, _ *commandRequest) (*xmpp.Form, error) {
	all := c.service.ProviderStatus(ctx)
	return &xmpp.Form{Title: "Provider status", Fields: []xmpp.Field{xmpp.LinesField("status", "Status", textLines(statusText(all, now())))}}, nil
}

// statistics answers as Tigase's stats component does: at once, with a form of
// type form that has the level in it, so that it can be sent back for another.
func (c *Component) statistics(_ context.Context, r *commandRequest) (*xmpp.Form, error) {
	level := stats.Info
	if name := r.form.Value(fieldLevel); name != "" {
		var ok bool
		if level, ok = stats.ParseLevel(name); !ok {
			return nil, &InputError{Text: fmt.Sprintf("%s: %q: it is INFO, FINE, FINER or FINEST", fieldLevel, abbreviate(name))}
		}
	}
	f := &xmpp.Form{Type: form.TypeForm, Title: "Statistics"}
	for _, st := range c.service.stats.Stats(level) {
		f.Fields = append(f.Fields, xmpp.TextField(st.Name, st.Value))
	}
	choice := xmpp.Field{Var: fieldLevel, Type: form.TypeList, Label: fieldLevel, Values: []string{level.String()}}
	for l := stats.Info; l <= stats.Finest; l++ {
		choice.Options = append(choice.Options, xmpp.FieldOption{Label: l.String(), Value: l.String()})
	}
	f.Fields = append(f.Fields, choice)
	return f, nil
}

// dump shows the configuration in effect, with its secrets masked.
func (c *Component) dump(context.Context, *commandRequest) (*xmpp.Form, error) {
	if c.config == nil {
		return nil, errors.New("the configuration is not known")
	}
	text, err := c.config()
	if err != nil {
		return nil, err
	}
	return &xmpp.Form{Title: "Configuration", Fields: []xmpp.Field{xmpp.LinesField("config", "config.tdsl", textLines(text))}}, nil
}
