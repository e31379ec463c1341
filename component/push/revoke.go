package push

import (
	"context"
	"errors"

	"github.com/tpush/tpush/repository"
	"mellium.im/xmpp/jid"
)

// Revoke unregisters a device for someone who knows its token but cannot log in
// (guide section 6.2). It reports whether the device is gone; an unknown device
// or provider is none.
func (s *Service) Revoke(ctx context.Context, service string, account jid.JID, r Registration) (bool, error) {
	err := s.Unregister(ctx, service, account, r)
	if errors.Is(err, repository.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
