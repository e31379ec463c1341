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
	services, err := s.devices.Services(ctx)
	if err != nil {
		s.log.Warn("devices not counted", "err", err)
		return
	}
	for _, service := range services {
		known := func(d string) bool { return strings.EqualFold(strings.TrimSpace(d), service) }
		if slices.ContainsFunc(served, known) || slices.ContainsFunc(s.cfg.FormerDomains, known) {
			continue
		}
		n, err := s.devices.Under(ctx, service)
		if err != nil {
			s.log.Warn("devices not counted", "err", err)
			return
		}
		s.log.Warn("devices are stored under another service JID: nothing is pushed to them; if that was this component's address, add it to 'former-domains'", "service", service, "devices", n)
	}
}
