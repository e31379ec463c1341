package push

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
)

const (
	// perNode is how many devices of one node are pushed to at a time.
	perNode = 8
	// publishTime is how long a publish may take; ejabberd waits 32 s for the
	// answer.
	publishTime = 25 * time.Second
	// shortTime is what of it needs not be counted: a context that ends costs as
	// much as reading the stanza.
	shortTime = time.Second
	// storeTime is how long the outcome of a push that took all of that, or nearly,
	// may take to be stored.
	storeTime = 4 * time.Second
)

// Publish pushes a notification to the devices of a node, within 25 s. The
// result is nil when a push service accepted one; the error wraps
// [repository.ErrNotFound] when the node has no device, or none that lives, and
// anything else means that the registration is to be kept.
func (s *Service) Publish(ctx context.Context, service, node string, n *providers.Notification) error {
	began := time.Now()
	devices, err := s.byNode(ctx, service, node)
	if err != nil {
		return err
	}
	if contentless(n) {
		switch s.cfg.Contentless {
		case contentlessDrop:
			return nil
		case contentlessSilent:
			n.Priority = providers.Low
		}
	}
	if len(devices) == 1 && time.Since(began) < shortTime {
		return s.pushTo(ctx, &devices[0], n) // its parts have limits of their own
	}
	ctx, cancel := context.WithDeadline(ctx, began.Add(publishTime))
	defer cancel()
	if len(devices) == 1 {
		return s.pushTo(ctx, &devices[0], n)
	}
	return together(s.pushAll(ctx, devices, n))
}

// byNode finds the devices of a node: at least one, or an error.
func (s *Service) byNode(ctx context.Context, service, node string) ([]repository.Device, error) {
	for _, domain := range s.domains(service) {
		devices, err := s.devices.ByNode(ctx, domain, node)
		if err != nil {
			return nil, fmt.Errorf("look up node: %w", err)
		}
		if len(devices) > 0 {
			return devices, nil
		}
	}
	return nil, fmt.Errorf("node: %w", repository.ErrNotFound)
}

// pushAll pushes to several devices, some at a time, and waits for all.
func (s *Service) pushAll(ctx context.Context, devices []repository.Device, n *providers.Notification) []error {
	errs := make([]error, len(devices))
	var all sync.WaitGroup
	slots := make(chan struct{}, perNode)
	for i := range devices {
		slots <- struct{}{}
		if errs[i] = ctx.Err(); errs[i] != nil {
			<-slots
			continue // no time is left for those that have not had their turn
		}
		all.Go(func() {
			each := *n
			errs[i] = s.pushTo(ctx, &devices[i], &each)
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

// pushTo pushes to one device, or shares the outcome of a push that is the same.
// From here on devices and notifications are handed on as pointers: a copy at
// each step would take the stack of each push in work above the next size.
func (s *Service) pushTo(ctx context.Context, d *repository.Device, n *providers.Notification) error {
	n.Account = d.Account
	key, news, keep := shared(d, n)
	if key == "" {
		return s.pushOne(ctx, d, n)
	}
	joined, err := s.flights.do(ctx, key, news, keep, func() error { return s.pushOne(ctx, d, n) })
	if joined {
		s.counts.joined.Inc()
	}
	return err
}

// pushOne pushes to one device and does what the outcome asks for.
func (s *Service) pushOne(ctx context.Context, d *repository.Device, n *providers.Notification) error {
	e, err := s.send(ctx, d, n)
	if end, limited := ctx.Deadline(); ctx.Err() != nil || limited && time.Until(end) < storeTime {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), storeTime)
		defer cancel()
	}
	result := s.settle(ctx, d, e, n.Event, err)
	s.journal.add(d.Provider, e)
	return result
}

// send pushes once and describes what came of it.
func (s *Service) send(ctx context.Context, d *repository.Device, n *providers.Notification) (*Entry, error) {
	n.ID = newUUID()
	if blank(n) {
		n.Collapse = accountKey(d.Account)
	}
	e := &Entry{Time: now(), Service: d.Service, Account: d.Account, Device: DeviceID(*d), Content: contentOf(n), PushID: n.ID, Sandbox: d.Sandbox}
	err := s.attempt(ctx, d, n, e)
	e.end(err)
	return e, err
}

// settle does what an outcome asks for and returns that of the publish.
func (s *Service) settle(ctx context.Context, d *repository.Device, e *Entry, event string, err error) error {
	dead := s.dead(d, err)
	s.counts.count(e, d.Provider, err, dead)
	o := repository.Outcome{Time: e.Time, Accepted: e.Accepted, PushID: e.PushID, Sandbox: e.Sandbox, Reason: e.Reason}
	if err := s.devices.NoteOutcome(ctx, *d, o); err != nil {
		s.tellNotStored(d, err)
	}
	if err != nil {
		s.warn(d, e.PushID, err)
	}
	switch {
	case err == nil && event == eventAccountRemoved:
		// Nothing will be pushed to it again; the push itself was accepted.
		return s.remove(ctx, *d, e, repository.ReasonAccount, nil)
	case err == nil:
		return nil
	case dead && e.Kind == providers.Doubtful.String():
		return s.remove(ctx, *d, e, repository.ReasonDoubtful, repository.ErrNotFound)
	case dead:
		return s.remove(ctx, *d, e, repository.ReasonGone, repository.ErrNotFound)
	}
	return fmt.Errorf("push: %w", err)
}

const eventAccountRemoved = "account-removed"

// attempt pushes; a call whose second token or credential is of no use goes
// once more, as an alert to the first token. The entry learns which environment
// answered.
func (s *Service) attempt(ctx context.Context, d *repository.Device, n *providers.Notification, e *Entry) error {
	to := providers.Target{Account: d.Account, Token: d.Token, SecondToken: d.SecondToken,
		Registered: d.Registered, Accepted: d.LastAccepted, Sandbox: d.Sandbox,
		Moved: func(to bool) { e.Sandbox = to }}
	err := s.set.Push(ctx, d.Provider, to, *n)
	if err == nil || !s.instead(ctx, d, n, e, err) {
		return err
	}
	to.SecondToken = ""
	return s.set.Push(ctx, d.Provider, to, *n)
}

// instead reports whether a push that failed is to go to the first token, and
// notes what became of it.
func (s *Service) instead(ctx context.Context, d *repository.Device, n *providers.Notification, e *Entry, err error) bool {
	var pe *providers.Error
	if !errors.As(err, &pe) || !pe.Second {
		return false
	}
	switch {
	case s.dead(d, err):
		s.warn(d, n.ID, err)
		if err := s.clearSecondToken(ctx, *d); err != nil {
			s.log.Warn("second token kept", "account", d.Account, "err", err)
		}
		d.SecondToken = ""
	case pe.Kind == providers.Unauthorized, pe.Kind == providers.Refused:
		s.warn(d, n.ID, err)
	default:
		return false
	}
	first := *e
	first.end(err)
	s.journal.add(d.Provider, &first)
	return true
}

// clearSecondToken forgets a dead second token, but in careful mode.
func (s *Service) clearSecondToken(ctx context.Context, d repository.Device) error {
	if !s.cfg.RemoveDevices {
		s.log.Info("second token would be forgotten (remove-devices is off)", "provider", d.Provider, "account", d.Account, "token", providers.ShortToken(d.Token))
		return nil
	}
	return s.devices.ClearSecondToken(ctx, d)
}

// dead reports whether an answer is taken as proof that the token is dead. Not
// when the device was registered again after its push service says it died, and
// a doubtful answer only while the provider is trusted.
func (s *Service) dead(d *repository.Device, err error) bool {
	if err == nil {
		return false
	}
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

// errCareful is the outcome of a publish to a device that would be removed.
var errCareful = errors.New("device kept: remove-devices is off")

// remove takes a device out of the store, the one irreversible act here, and
// returns result; with remove-devices off it removes nothing and the answer is
// that of a passing failure.
func (s *Service) remove(ctx context.Context, d repository.Device, e *Entry, why repository.Reason, result error) error {
	if !s.cfg.RemoveDevices {
		s.log.Info("device would be removed (remove-devices is off)", "why", why, "provider", d.Provider, "account", d.Account, "token", providers.ShortToken(d.Token))
		if result == nil {
			return nil
		}
		return errCareful
	}
	switch err := s.devices.Remove(ctx, d, why); {
	case errors.Is(err, repository.ErrNotFound):
		// Somebody else removed it, or it was registered again meanwhile: the
		// same node then stands for a device that lives.
		if left, err := s.devices.ByNode(ctx, d.Service, d.Node); err != nil || len(left) > 0 {
			return errors.Join(errors.New("registered again"), err)
		}
	case err != nil:
		return fmt.Errorf("remove device: %w", err)
	default:
		e.Removed = why
		s.noteRemoval(d, why)
	}
	return result
}

// warn writes the line that every push has that ends other than accepted, though
// not more than one a minute for each provider and reason.
func (s *Service) warn(d *repository.Device, id string, err error) {
	ok, before := s.quiet.let(d.Provider+" "+reason(err), now())
	if !ok {
		return
	}
	s.log.Warn("push not accepted", "provider", d.Provider, "account", d.Account, "token", providers.ShortToken(d.Token),
		"id", id, "err", err, "before", before)
}

// tellNotStored writes the line of an outcome that the store did not take, though
// not more than one a minute: on a full disk it takes none.
func (s *Service) tellNotStored(d *repository.Device, err error) {
	if ok, before := s.quiet.let("outcome", now()); ok {
		s.log.Warn("outcome of a push not stored", "account", d.Account, "err", err, "before", before)
	}
}

// tellTrouble writes the line of a request that failed for a reason of ours, such
// as a database that is away, though not more than one a minute for each kind of
// request. Outcomes of pushes have had theirs from warn.
func (s *Service) tellTrouble(request string, err error) {
	var pe *providers.Error
	if errors.As(err, &pe) || errors.Is(err, providers.ErrInactive) || errors.Is(err, errCareful) {
		return
	}
	if ok, before := s.quiet.let("request "+request, now()); ok {
		s.log.Warn("request not served, to be repeated by who sent it", "request", request, "err", err, "before", before)
	}
}

// reason is a push service's word for a failure, or its kind.
func reason(err error) string {
	var pe *providers.Error
	switch {
	case errors.As(err, &pe) && pe.Reason != "":
		return pe.Reason
	case errors.Is(err, providers.ErrInactive):
		return "inactive"
	}
	return providers.KindOf(err).String()
}

// accountKey is the collapse id that all content-less alerts of an account
// share: at most 64 bytes, and no address in it.
func accountKey(account string) string {
	sum := sha256.Sum256([]byte(account))
	return hex.EncodeToString(sum[:16])
}
