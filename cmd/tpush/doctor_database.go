package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/component/ext"
	"github.com/tpush/tpush/component/push"
	"github.com/tpush/tpush/repository"
)

const subjectDatabase = "Database"

// database looks whether the databases answer and have their tables, and which
// devices are in them.
func (d *doctor) database(ctx context.Context) {
	ctx, cancel := limited(ctx)
	defer cancel()
	for _, ds := range beans.Built[*repository.DataSource](d.graph) {
		if !d.source(ctx, ds) {
			return
		}
	}
	for _, s := range beans.Built[store](d.graph) {
		if s.devices != nil {
			d.devices(ctx, s.devices)
		}
	}
	for _, p := range beans.Built[*pushBean](d.graph) {
		if err := p.Service().SyncCertificates(ctx); err != nil {
			d.ill(subjectDatabase, "set it again: tpush certificate set", "stored certificates of %s: %v", p.name, err)
		}
	}
}

// source looks at one data source; false when nothing can be read from it.
func (d *doctor) source(ctx context.Context, ds *repository.DataSource) bool {
	state, err := ds.CheckSchema(ctx)
	if err != nil {
		d.ill(subjectDatabase, "correct 'uri' of the data source, or the database's server; until then nothing can be registered or pushed", "%v", err)
		return false
	}
	if len(state.Missing) > 0 && state.ByHand {
		d.ill(subjectDatabase, "schema-management is false: let somebody run what 'tpush schema install --print' shows", "%s lacks %s", ds, strings.Join(state.Missing, ", "))
		return false
	}
	if len(state.Missing) > 0 {
		d.warn(subjectDatabase, "the start of tpush creates what is missing, as 'tpush schema install' does", "%s lacks %s", ds, strings.Join(state.Missing, ", "))
		return false
	}
	if err := ds.Start(ctx); err != nil {
		d.ill(subjectDatabase, "see page database", "%v", err)
		return false
	}
	d.well(subjectDatabase, "%s answers and has its tables", ds)
	return true
}

// devices counts devices, and finds those that cannot be reached with this
// configuration.
func (d *doctor) devices(ctx context.Context, devices *repository.Devices) {
	if why := devices.ReadOnly(); why != "" {
		d.ill(subjectDatabase, "give tpush a database of its own and move the devices there with 'tpush devices export' and 'import' (page operations)",
			"tig_push_devices takes no new devices: %s; those in it get their pushes", why)
	}
	if err := devices.Writable(ctx); err != nil {
		d.ill(subjectDatabase, "until it takes changes, no device can be registered, and dead ones stay", "%v", err)
	}
	counts, err := devices.Counts(ctx)
	if err != nil {
		d.ill(subjectDatabase, "", "%v", err)
		return
	}
	if len(counts) == 0 {
		d.well(subjectDatabase, "no device is registered yet")
	}
	domains, ids := d.domains(ctx), map[string]bool{}
	for _, p := range beans.Built[*pushBean](d.graph) {
		for _, i := range p.Service().Providers() {
			for _, id := range append([]string{i.ID}, i.Aliases...) {
				ids[id] = true
			}
		}
	}
	for _, c := range counts {
		what := fmt.Sprintf("%s of %s under %s", plural(c.Devices, "device"), c.Provider, c.Service)
		switch {
		case !ids[c.Provider]:
			d.ill(subjectDatabase, fmt.Sprintf("give a provider block that name, or 'aliases' = [ '%s' ]", c.Provider), "%s: no provider of that id works, so they are not reached", what)
		case len(domains) > 0 && !slices.Contains(domains, strings.ToLower(c.Service)):
			d.warn(subjectDatabase, fmt.Sprintf("if %s was this component's address before: 'former-domains' = [ '%s' ] in the push block", c.Service, c.Service), "%s: this configuration does not serve that address", what)
		default:
			d.well(subjectDatabase, "%s", what)
		}
	}
}

// domains are the service JIDs of the configuration, the former ones, too.
func (d *doctor) domains(ctx context.Context) (out []string) {
	for _, e := range beans.Built[*ext.Ext](d.graph) {
		e.Refresh(ctx) // items may be in the database
		out = append(out, e.Domains()...)
	}
	if len(out) == 0 {
		return nil
	}
	for _, b := range d.graph.Root.Children {
		if cfg, ok := b.Config().(push.Config); ok {
			for _, f := range cfg.FormerDomains {
				out = append(out, strings.ToLower(strings.TrimSpace(f)))
			}
		}
	}
	return out
}
