package push

import (
	"errors"
	"fmt"
	"strings"

	"mellium.im/xmpp/jid"
)

// Config is what a push bean reads for itself.
type Config struct {
	// Domain lists the service JIDs that this bean answers for. Empty: those
	// connected domains that are its name and a virtual host of the server
	// (push.example.com); and all others, when it is the only push bean.
	Domain []string `tdsl:"domain"`
	// Publishers limits who may publish to these server domains; empty: all.
	Publishers []string `tdsl:"publishers"`
	// RemoveDevices removes devices that the push service says are gone. False
	// for the first days after a swap: no device is removed, whatever is said.
	RemoveDevices bool `tdsl:"remove-devices"`
	// Contentless says what becomes of notifications that hold nothing to
	// show: alert (a general text), silent (wakes the app), drop.
	Contentless string `tdsl:"contentless,enum"`
	// MaxDevices is how many devices an account may register; 0: any number.
	MaxDevices int `tdsl:"max-devices-per-account"`
	// PerMinute is how many registrations somebody may send in a minute; 0: any
	// number.
	PerMinute int `tdsl:"registrations-per-minute"`
	// FormerDomains are service JIDs under which devices were registered before:
	// they are found there, new ones are stored under the present domain.
	FormerDomains []string `tdsl:"former-domains"`
	// Contacts are addresses of the people behind the service, by kind
	// (XEP-0157), such as abuse-addresses.
	Contacts map[string][]string `tdsl:"disco-extensions,alias=disco-extensions"`
	// VirtualHosts are the server's domains, which decide on the domains of a
	// bean without 'domain'.
	VirtualHosts []string `tdsl:",alias=default-virtual-host"`
	// Commands says who may run each ad-hoc command besides the
	// administrators: by its node, or ALL for every command.
	Commands map[string][]string `tdsl:"commands,alias=commands"`
	// Admins are the administrators, by bare JID; a resource is not looked at.
	Admins []string `tdsl:",alias=admins"`
}

// Defaults are the values of properties that a configuration leaves out.
func Defaults() Config {
	return Config{RemoveDevices: true, Contentless: contentlessAlert, PerMinute: 30}
}

const (
	contentlessAlert  = "alert"
	contentlessSilent = "silent"
	contentlessDrop   = "drop"
)

// Check says in a sentence each what is wrong with the values.
func (c *Config) Check() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch c.Contentless {
	case contentlessAlert, contentlessSilent, contentlessDrop:
	default:
		wrong("contentless: %q: it is alert, silent or drop", c.Contentless)
	}
	if c.MaxDevices < 0 {
		wrong("max-devices-per-account: it is 0, for no limit, or more")
	}
	if c.PerMinute < 0 {
		wrong("registrations-per-minute: it is 0, for no limit, or more")
	}
	for _, d := range c.FormerDomains {
		if j, err := jid.Parse(strings.TrimSpace(d)); err != nil || j.Localpart() != "" || j.Resourcepart() != "" {
			wrong("former-domains: %q is no domain", d)
		}
	}
	for _, a := range c.Admins {
		if _, err := jid.Parse(strings.TrimSpace(a)); err != nil {
			wrong("admins: %q is no address: %w", a, err)
		}
	}
	return errors.Join(errs...)
}
