package push

import (
	"context"
	"errors"
	"fmt"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
	"mellium.im/xmpp/jid"
)

// Registration is what a client says of its device.
type Registration struct {
	Provider    string // provider id or alias
	Token       string
	SecondToken string // for calls; may be empty
}

// maxToken is the length that no device token of any push service has, in
// bytes; Google's are the longest.
const maxToken = 4096

// Register stores the device of an account, whose JID may have a resource, and
// returns it with the provider's description. The same device gets the same node
// again, and its second token is replaced, also by none. An [*InputError] says
// what is wrong with the registration, a [*LimitError] that there are too many.
func (s *Service) Register(ctx context.Context, service string, account jid.JID, r Registration) (repository.Device, providers.Info, error) {
	p, key, err := s.key(service, account, r)
	if err != nil {
		return repository.Device{}, providers.Info{}, err
	}
	if err := checkTokens(p, r); err != nil {
		return repository.Device{}, providers.Info{}, err
	}
	if err := s.mayRegister(ctx, key); err != nil {
		return repository.Device{}, providers.Info{}, err
	}
	d, err := s.devices.Register(ctx, key, r.SecondToken, newUUID())
	if err != nil {
		return repository.Device{}, providers.Info{}, fmt.Errorf("register device: %w", err)
	}
	s.counts.registered.Inc()
	s.log.Info("device registered", "provider", d.Provider, "account", d.Account, "token", providers.ShortToken(d.Token), "node", d.Node)
	return d, p.Info(), nil
}

func checkTokens(p providers.Provider, r Registration) error {
	for _, field := range []struct{ name, token string }{{fieldToken, r.Token}, {fieldSecondToken, r.SecondToken}} {
		if field.token == "" {
			continue
		}
		if len(field.token) > maxToken {
			return &InputError{Text: fmt.Sprintf("%s: it is longer than any device token (%d bytes)", field.name, maxToken)}
		}
		if err := p.CheckToken(field.token); err != nil {
			return &InputError{Text: field.name + ": " + err.Error()}
		}
	}
	return nil
}

// mayRegister holds the limits: registrations in a minute, and devices of an
// account. A device that is registered already may always be again.
func (s *Service) mayRegister(ctx context.Context, k repository.Key) error {
	if !s.rate.let(k.Account, now()) {
		return &LimitError{Text: "too many registrations: try again in a minute", Passing: true}
	}
	if s.cfg.MaxDevices == 0 {
		return nil
	}
	all, err := s.devices.ByAccount(ctx, k.Service, k.Account)
	if err != nil {
		return fmt.Errorf("register device: %w", err)
	}
	if len(all) < s.cfg.MaxDevices {
		return nil
	}
	switch _, err := s.devices.Find(ctx, k); {
	case errors.Is(err, repository.ErrNotFound):
		return &LimitError{Text: fmt.Sprintf("this account has %d devices, which is all it may have: remove one first", len(all))}
	case err != nil:
		return fmt.Errorf("register device: %w", err)
	}
	return nil
}

// Unregister removes a device of an account, whose JID may have a resource, and
// returns it. The error is [repository.ErrNotFound] for an unknown device and
// for an unknown provider: clients take exactly that for success. A face whose
// client cannot tell its server calls [Service.TellGone] then.
func (s *Service) Unregister(ctx context.Context, service string, account jid.JID, r Registration) (repository.Device, error) {
	if r.Provider == "" || r.Token == "" {
		return repository.Device{}, &InputError{Text: "provider and device-token are needed"}
	}
	_, key, err := s.key(service, account, r)
	if err != nil {
		return repository.Device{}, fmt.Errorf("%w: %w", repository.ErrNotFound, err)
	}
	for _, domain := range s.domains(service) {
		key.Service = domain
		d, err := s.devices.Find(ctx, key)
		if errors.Is(err, repository.ErrNotFound) {
			continue
		}
		if err != nil {
			return repository.Device{}, fmt.Errorf("unregister device: %w", err)
		}
		return d, s.unregister(ctx, d, repository.ReasonUnregistered)
	}
	return repository.Device{}, fmt.Errorf("unregister device: %w", repository.ErrNotFound)
}

// unregister removes a device because somebody wishes so.
func (s *Service) unregister(ctx context.Context, d repository.Device, why repository.Reason) error {
	if err := s.devices.Remove(ctx, d, why); err != nil {
		return fmt.Errorf("remove device: %w", err)
	}
	s.noteRemoval(d, why)
	return nil
}

// noteRemoval logs and counts a removal.
func (s *Service) noteRemoval(d repository.Device, why repository.Reason) {
	s.counts.removed(why).Inc()
	s.log.Info("device removed", "why", why, "provider", d.Provider, "account", d.Account, "token", providers.ShortToken(d.Token))
}

// key makes the registration's key and finds its provider.
func (s *Service) key(service string, account jid.JID, r Registration) (providers.Provider, repository.Key, error) {
	if account.Localpart() == "" {
		return nil, repository.Key{}, &InputError{Text: "only a user's address can have a device"}
	}
	if r.Provider == "" {
		return nil, repository.Key{}, &InputError{Text: "Missing value for field provider"}
	}
	if r.Token == "" {
		return nil, repository.Key{}, &InputError{Text: "Missing value for field device-token"}
	}
	p, ok := s.set.Lookup(r.Provider)
	if !ok {
		return nil, repository.Key{}, &InputError{Text: fmt.Sprintf("there is no provider %q here", abbreviate(r.Provider))}
	}
	info := p.Info()
	return p, repository.Key{
		Service:   service,
		Account:   account.Bare().String(),
		Providers: append([]string{info.ID}, info.Aliases...),
		Token:     r.Token,
		AnyCase:   info.AnyCase,
	}, nil
}

// abbreviate keeps what somebody sent short enough to be repeated in a sentence.
func abbreviate(s string) string { return shorten(s, 100) }

// shorten cuts a text after so many characters.
func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
