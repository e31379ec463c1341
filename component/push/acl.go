package push

import (
	"slices"
	"strings"

	"mellium.im/xmpp/jid"
)

// Words of Tigase's command ACLs (reference: xmpp section 1.5). The server's
// virtual hosts are known from the configuration only, so that an owner or
// administrator of a domain counts as local.
const (
	aclAll         = "ALL"
	aclAdmin       = "ADMIN"
	aclLocal       = "LOCAL"
	aclDomainOwner = "DOMAIN_OWNER"
	aclDomainAdmin = "DOMAIN_ADMIN"
	aclNone        = "NONE"
)

// mayRun reports whether somebody may run a command: administrators always;
// others when a rule for the command, or for all, grants it; without a rule
// whoever the command is for.
func (c *Component) mayRun(cmd *command, from jid.JID) bool {
	if c.isAdmin(from) {
		return true
	}
	rules, ruled := c.cfg.Commands[cmd.node]
	if slices.ContainsFunc(append(slices.Clone(rules), c.cfg.Commands[aclAll]...), func(rule string) bool { return c.grants(rule, from) }) {
		return true
	}
	return !ruled && cmd.everyone
}

// mayManage reports whether somebody may deal with other users' devices through
// a command: administrators, and those whom a rule for the command names. A rule
// that lets many in, such as LOCAL, lets them at their own devices only.
func (c *Component) mayManage(cmd *command, from jid.JID) bool {
	return c.isAdmin(from) || slices.ContainsFunc(c.cfg.Commands[cmd.node], func(rule string) bool {
		who, err := jid.Parse(strings.TrimSpace(rule))
		return err == nil && who.Localpart() != "" && who.Equal(from.Bare())
	})
}

func (c *Component) isAdmin(from jid.JID) bool {
	return slices.ContainsFunc(c.cfg.Admins, func(a string) bool {
		admin, err := jid.Parse(strings.TrimSpace(a))
		return err == nil && admin.Bare().Equal(from.Bare())
	})
}

// grants reports whether one rule lets somebody in.
func (c *Component) grants(rule string, from jid.JID) bool {
	switch rule = strings.TrimSpace(rule); rule {
	case aclAll:
		return true
	case aclAdmin, aclNone, "":
		return false // administrators have been let in
	case aclLocal, aclDomainOwner, aclDomainAdmin:
		return slices.ContainsFunc(c.cfg.VirtualHosts, func(v string) bool {
			return strings.EqualFold(strings.TrimSpace(v), from.Domainpart())
		})
	}
	who, err := jid.Parse(rule)
	if err != nil {
		return false
	}
	if who.Localpart() == "" {
		return who.Domainpart() == from.Domainpart()
	}
	return who.Equal(from.Bare())
}
