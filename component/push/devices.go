package push

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"

	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// DeviceID is how people name a device: the provider's id and the first 8 hex
// digits of the token's SHA-256, as in the log. It does not tell the token.
func DeviceID(d repository.Device) string {
	var b [64]byte
	return string(providers.AppendShortToken(append(append(b[:0], d.Provider...), '/'), d.Token))
}

// ListDevices returns the devices of an account (a bare JID), the oldest first;
// those stored under former domains last.
func (s *Service) ListDevices(ctx context.Context, service, account string) (out []repository.Device, err error) {
	for _, domain := range s.domains(service) {
		all, err := s.devices.ByAccount(ctx, domain, account)
		if err != nil {
			return nil, fmt.Errorf("list devices: %w", err)
		}
		out = append(out, all...)
	}
	return out, nil
}

// device returns the device of that [DeviceID], or [repository.ErrNotFound].
func (s *Service) device(ctx context.Context, service, account, id string) (repository.Device, error) {
	all, err := s.ListDevices(ctx, service, account)
	if err != nil {
		return repository.Device{}, err
	}
	for _, d := range all {
		if DeviceID(d) == id {
			return d, nil
		}
	}
	return repository.Device{}, fmt.Errorf("device %s of %s: %w", abbreviate(id), account, repository.ErrNotFound)
}

// RemoveDevice removes the device of that [DeviceID], tells the user's server
// that its node is gone, and returns it. The error is [repository.ErrNotFound]
// when the account has no such device.
func (s *Service) RemoveDevice(ctx context.Context, service, account, id string, why repository.Reason) (repository.Device, error) {
	d, err := s.device(ctx, service, account, id)
	if err != nil {
		return repository.Device{}, err
	}
	if err := s.unregister(ctx, d, why); err != nil {
		return repository.Device{}, err
	}
	s.TellGone(ctx, d)
	return d, nil
}

// RemoveDevices removes all devices of an account, tells the user's server, and
// returns how many there were. When there is an error, also ctx's end, those
// that are counted are removed.
func (s *Service) RemoveDevices(ctx context.Context, service, account string, why repository.Reason) (n int, err error) {
	all, err := s.ListDevices(ctx, service, account)
	if err != nil {
		return 0, err
	}
	for _, d := range all {
		switch err := s.unregister(ctx, d, why); {
		case errors.Is(err, repository.ErrNotFound): // somebody was faster
		case err != nil:
			return n, err
		default:
			n++
			s.TellGone(ctx, d)
		}
	}
	return n, nil
}

// affiliation says that the owner of a node is not affiliated with it any more
// (XEP-0357 section 7): Tigase forgets its registration.
type affiliation struct {
	XMLName     xml.Name `xml:"http://jabber.org/protocol/pubsub pubsub"`
	Node        string   `xml:"node,attr"`
	Affiliation struct {
		JID         string `xml:"jid,attr"`
		Affiliation string `xml:"affiliation,attr"`
	} `xml:"affiliation"`
}

// TellGone tells the server of a removed device's user that its node is gone,
// unless another device shares the node. It is never called beside an answer to
// a publish that says the same. The type is headline: Prosody and ejabberd would
// publish any other message to the very node.
func (s *Service) TellGone(ctx context.Context, d repository.Device) {
	if s.sender == nil || d.Node == "" {
		return
	}
	if left, err := s.devices.ByNode(ctx, d.Service, d.Node); err != nil || len(left) > 0 {
		return
	}
	a := affiliation{Node: d.Node}
	a.Affiliation.JID, a.Affiliation.Affiliation = d.Account, "none"
	payload, err := xml.Marshal(a)
	if err != nil {
		return // there is no text that cannot be marshalled
	}
	m := &xmpp.Message{From: d.Service, To: d.Account, Type: stanza.HeadlineMessage, Payload: payload}
	if err := s.sender.Send(ctx, m); err != nil {
		s.log.Info("the user's server was not told that a device is gone; it learns it at its next publish", "account", d.Account, "err", err)
	}
}

// Revoke removes a device for somebody who knows its token but has no connection
// to its server, which is told. It reports whether the device is gone: now, or
// since it was removed in the last 30 days; false for one that was never there,
// and for an unknown provider. The error means that it could not be looked up.
func (s *Service) Revoke(ctx context.Context, service string, account jid.JID, r Registration) (bool, error) {
	d, err := s.Unregister(ctx, service, account, r)
	var input *InputError
	switch {
	case err == nil:
		s.TellGone(ctx, d)
		return true, nil
	case errors.As(err, &input):
		return false, nil
	case !errors.Is(err, repository.ErrNotFound):
		return false, err
	}
	return s.buried(ctx, service, account, r)
}

// buried reports whether a device was removed lately.
func (s *Service) buried(ctx context.Context, service string, account jid.JID, r Registration) (bool, error) {
	_, key, err := s.key(service, account, r)
	if err != nil {
		return false, nil // of an unknown provider
	}
	for _, domain := range s.domains(service) {
		key.Service = domain
		_, err := s.devices.TombstoneOf(ctx, key)
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, repository.ErrNotFound) {
			return false, fmt.Errorf("look for a removed device: %w", err)
		}
	}
	return false, nil
}
