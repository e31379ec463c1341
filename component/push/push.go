package push

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
)

// perNode is how many devices of one node are pushed to at a time.
const perNode = 8

// Publish pushes a notification to the devices of a node. The result is nil
// when a push service accepted one; the error wraps [repository.ErrNotFound]
// when the node has no device, or none that lives, and anything else means that
// the registration is to be kept.
func (s *Service) Publish(ctx context.Context, service, node string, n providers.Notification) error {
	if contentless(&n) {
		switch s.cfg.Contentless {
		case contentlessDrop:
			return nil
		case contentlessSilent:
			n.Priority = providers.Low
		}
	}
	devices, err := s.devices.ByNode(ctx, service, node)
	if err != nil {
		return fmt.Errorf("look up node: %w", err)
	}
	if len(devices) == 0 {
		return fmt.Errorf("node: %w", repository.ErrNotFound)
	}
	if len(devices) == 1 {
		return s.pushTo(ctx, devices[0], n)
	}
	return together(s.pushAll(ctx, devices, n))
}

// pushAll pushes to several devices, some at a time, and waits for all.
func (s *Service) pushAll(ctx context.Context, devices []repository.Device, n providers.Notification) []error {
	errs := make([]error, len(devices))
	var all sync.WaitGroup
	slots := make(chan struct{}, perNode)
	for i := range devices {
		slots <- struct{}{}
		all.Go(func() {
			errs[i] = s.pushTo(ctx, devices[i], n)
			<-slots
		})
	}
	all.Wait()
	return errs
}

// together joins the outcomes of a node's devices into one: accepted when one
// is, gone when all are.
func together(errs []error) error {
	kept := error(nil)
	for _, err := range errs {
		if err == nil {
			return nil
		}
		if !errors.Is(err, repository.ErrNotFound) {
			kept = err
		}
	}
	if kept != nil {
		return kept
	}
	return errs[0]
}

// pushTo pushes to one device and does what the outcome asks for.
func (s *Service) pushTo(ctx context.Context, d repository.Device, n providers.Notification) error {
	n.ID, n.Account = newUUID(), d.Account
	if contentless(&n) {
		n.Collapse = accountKey(d.Account)
	}
	sandbox := d.Sandbox
	err := s.attempt(ctx, &d, n, &sandbox)
	s.note(ctx, d, n, sandbox, err)
	switch {
	case err == nil && n.Event == eventAccountRemoved:
		// Nothing will be pushed to it again; the push itself was accepted.
		return s.remove(ctx, d, repository.ReasonAccount, nil)
	case err == nil:
		return nil
	case s.dead(d, err):
		why := repository.ReasonGone
		if providers.KindOf(err) == providers.Doubtful {
			why = repository.ReasonDoubtful
		}
		return s.remove(ctx, d, why, repository.ErrNotFound)
	}
	return fmt.Errorf("push: %w", err)
}

const eventAccountRemoved = "account-removed"

// attempt pushes; a call whose second token or credential is of no use goes
// once more, as an alert to the first token. sandbox is changed when the push
// was accepted in the other environment.
func (s *Service) attempt(ctx context.Context, d *repository.Device, n providers.Notification, sandbox *bool) error {
	to := providers.Target{Account: d.Account, Token: d.Token, SecondToken: d.SecondToken,
		Registered: d.Registered, Accepted: d.LastAccepted, Sandbox: d.Sandbox,
		Moved: func(to bool) { *sandbox = to }}
	err := s.set.Push(ctx, d.Provider, to, n)
	var pe *providers.Error
	if !errors.As(err, &pe) || !pe.Second {
		return err
	}
	switch {
	case s.dead(*d, err):
		s.warn(*d, n, err)
		if err := s.devices.ClearSecondToken(ctx, *d); err != nil {
			s.log.Warn("second token kept", "account", d.Account, "err", err)
		}
		d.SecondToken = ""
	case pe.Kind == providers.Unauthorized, pe.Kind == providers.Refused:
		s.warn(*d, n, err)
	default:
		return err
	}
	to.SecondToken = ""
	return s.set.Push(ctx, d.Provider, to, n)
}

// dead reports whether an answer is taken as proof that the token is dead. Not
// when the device was registered again after its push service says it died, and
// a doubtful answer only while the provider is trusted.
func (s *Service) dead(d repository.Device, err error) bool {
	var pe *providers.Error
	if !errors.As(err, &pe) {
		return false
	}
	switch pe.Kind {
	case providers.Gone:
		return pe.GoneSince.IsZero() || !d.Registered.After(pe.GoneSince)
	case providers.Doubtful:
		return pe.Trusted
	}
	return false
}

// remove takes a device out of the store, the one irreversible act here, and
// returns result; with remove-devices off it removes nothing and the answer is
// that of a passing failure.
func (s *Service) remove(ctx context.Context, d repository.Device, why repository.Reason, result error) error {
	attrs := []any{"why", why, "provider", d.Provider, "account", d.Account, "token", providers.ShortToken(d.Token)}
	if !s.cfg.RemoveDevices {
		s.log.Info("device would be removed (remove-devices is off)", attrs...)
		if result == nil {
			return nil
		}
		return errors.New("device kept: remove-devices is off")
	}
	if err := s.devices.Remove(ctx, d, why); err != nil && !errors.Is(err, repository.ErrNotFound) {
		return fmt.Errorf("remove device: %w", err)
	}
	s.log.Info("device removed", attrs...)
	return result
}

// note keeps the outcome with the device and in the log.
func (s *Service) note(ctx context.Context, d repository.Device, n providers.Notification, sandbox bool, err error) {
	o := repository.Outcome{Time: now(), Accepted: err == nil, PushID: n.ID, Sandbox: sandbox}
	if err != nil {
		s.warn(d, n, err)
		o.Reason = reason(err)
	}
	if err := s.devices.NoteOutcome(ctx, d, o); err != nil {
		s.log.Warn("outcome of a push not stored", "account", d.Account, "err", err)
	}
}

// warn writes the line that every push has that ends other than accepted.
func (s *Service) warn(d repository.Device, n providers.Notification, err error) {
	ok, before := s.quiet.let(d.Provider+" "+reason(err), now())
	if !ok {
		return
	}
	s.log.Warn("push not accepted", "provider", d.Provider, "account", d.Account, "token", providers.ShortToken(d.Token),
		"id", n.ID, "err", err, "before", before)
}

// reason is a push service's word for a failure, or its kind.
func reason(err error) string {
	var pe *providers.Error
	if errors.As(err, &pe) && pe.Reason != "" {
		return pe.Reason
	}
	return providers.KindOf(err).String()
}

// accountKey is the collapse id that all content-less alerts of an account
// share: at most 64 bytes, and no address in it.
func accountKey(account string) string {
	sum := sha256.Sum256([]byte(account))
	return hex.EncodeToString(sum[:16])
}
