package push

import (
	"context"
	"slices"
	"strings"
)

// TellStrays logs how many devices are stored under service JIDs that nobody
// serves: those of a component that had another address. Served are the domains
// of all push components of this program.
func (s *Service) TellStrays(ctx context.Context, served []string) {
	all, err := s.census.counts(ctx)
	if err != nil {
		s.log.Warn("devices not counted", "err", err)
		return
	}
	by := map[string]int{}
	for _, c := range all {
		known := func(d string) bool { return strings.EqualFold(strings.TrimSpace(d), c.Service) }
		if !slices.ContainsFunc(served, known) && !slices.ContainsFunc(s.cfg.FormerDomains, known) {
			by[c.Service] += c.Devices
		}
	}
	for service, n := range by {
		s.log.Warn("devices are stored under another service JID: nothing is pushed to them; if that was this component's address, add it to 'former-domains'", "service", service, "devices", n)
	}
}
