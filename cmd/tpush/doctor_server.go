package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/component/ext"
)

const (
	subjectServer = "XMPP server"
	subjectDNS    = "DNS"
)

// servers looks at the connections of the running program; without one it
// connects as that would. It returns a line for each item.
func (d *doctor) servers(ctx context.Context) []ext.Attempt {
	var found []ext.Attempt
	if d.running {
		found = d.connections(ctx)
	} else {
		for _, e := range beans.Built[*ext.Ext](d.graph) {
			found = append(found, e.Try(ctx)...)
		}
	}
	for _, a := range found {
		switch {
		case a.Listens:
			d.well(subjectServer, "%s: the server dials this program", a.Domain)
		case a.Err != nil:
			d.ill(subjectServer, a.Advice, "%s at %s: %v", a.Domain, a.Address, a.Err)
		case a.Server != "":
			d.well(subjectServer, "%s at %s: %s takes the component and its secret", a.Domain, a.Address, a.Server)
		default:
			d.well(subjectServer, "%s at %s: the server takes the component and its secret", a.Domain, a.Address)
		}
	}
	if len(found) == 0 {
		d.ill(subjectServer, "add an item to 'items' of the ext block or to etc/externalComponentItems; with Tigase's database, add one in the server (page swap-tigase)", "there is no connection item")
	}
	return found
}

// connections asks the running program for its connections.
func (d *doctor) connections(ctx context.Context) (out []ext.Attempt) {
	ctx, cancel := limited(ctx)
	defer cancel()
	var all []ext.Connection
	if err := askRunning(ctx, d.src.Home, http.MethodGet, pathConnections, url.Values{}, &all); err != nil {
		d.ill(subjectServer, "", "%v", err)
		return nil
	}
	for _, c := range all {
		a := ext.Attempt{Domain: c.Domain, Address: c.Address}
		if c.Live == 0 {
			a.Err = fmt.Errorf("not connected (%s since the start)", plural(c.Connects, "connection"))
			a.Advice = "look into the log for 'cannot connect'"
		}
		out = append(out, a)
	}
	return out
}

// names looks the components' domains up. One that does not resolve costs
// registrations while the component is away; each server wants another cure.
func (d *doctor) names(ctx context.Context, attempts []ext.Attempt) {
	told := map[string]bool{}
	for _, a := range attempts {
		if told[a.Domain] {
			continue
		}
		told[a.Domain] = true
		limit, cancel := limited(ctx)
		addresses, err := net.DefaultResolver.LookupHost(limit, a.Domain)
		cancel()
		loopback := len(addresses) > 0
		for _, ip := range addresses {
			loopback = loopback && net.ParseIP(ip).IsLoopback()
		}
		server := strings.ToLower(a.Server)
		switch {
		case strings.Contains(server, "prosody"):
			d.well(subjectDNS, "%s: Prosody needs no record: it keeps registrations while tpush is away", a.Domain)
		case err != nil && strings.Contains(server, "ejabberd"):
			d.warn(subjectDNS, "a DNS record, or the line '127.0.0.1 "+a.Domain+"' in the hosts file of ejabberd's machine", "%s does not resolve here: ejabberd drops registrations of users who get a message while tpush is away", a.Domain)
		case err != nil:
			d.warn(subjectDNS, "Tigase: a DNS record that is no loopback address; ejabberd: any record or a line in its hosts file; Prosody: nothing to do", "%s does not resolve here: Tigase and ejabberd drop registrations of users who get a message while tpush is away", a.Domain)
		case loopback && strings.Contains(server, "tigase"):
			d.warn(subjectDNS, "a DNS record with the server's own address", "%s is %s here: Tigase takes a loopback address for none and drops registrations while tpush is away", a.Domain, strings.Join(addresses, ", "))
		default:
			d.well(subjectDNS, "%s is %s", a.Domain, strings.Join(addresses, ", "))
		}
	}
}
