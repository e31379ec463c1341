package main

import (
	"context"
	"log/slog"

	"github.com/tpush/tpush/component/push"
	"github.com/tpush/tpush/component/stats"
)

// pushBean is a push component with what decides on its domains. It runs to
// look for certificates that others have stored, and at when they expire.
type pushBean struct {
	*push.Component
	name   string
	domain []string // its own 'domain'
	vhosts []string
	log    *slog.Logger
	ran    bool
}

// Run implements beans.Runner.
func (p *pushBean) Run(ctx context.Context) error {
	p.ran = true
	return p.Service().Run(ctx)
}

// Close writes the component's statistics to the log, as Tigase does at its end.
func (p *pushBean) Close() error {
	if !p.ran {
		return nil
	}
	for _, st := range p.Service().Stats().Stats(stats.Finest) {
		p.log.Info(st.Name + " = " + st.Value)
	}
	return nil
}
