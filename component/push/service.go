package push

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
	"mellium.im/xmpp/jid"
)

// Devices stores registrations. [repository.Devices] is the real one.
type Devices interface {
	Register(ctx context.Context, k repository.Key, second, newNode string) (repository.Device, error)
	Unregister(ctx context.Context, k repository.Key) (repository.Device, error)
	ByNode(ctx context.Context, service, node string) ([]repository.Device, error)
	Remove(ctx context.Context, d repository.Device, why repository.Reason) error
	ClearSecondToken(ctx context.Context, d repository.Device) error
	NoteOutcome(ctx context.Context, d repository.Device, o repository.Outcome) error
}

// Service holds the use cases; the faces (XMPP, HTTP, command line) call only
// this.
type Service struct {
	devices Devices
	set     *providers.Set
	cfg     Config
	log     *slog.Logger
	quiet   quiet
}

// NewService returns the use cases over a store and the providers.
func NewService(d Devices, set *providers.Set, cfg Config, l *slog.Logger) *Service {
	return &Service{devices: d, set: set, cfg: cfg, log: l}
}

// Providers describes the active providers.
func (s *Service) Providers() []providers.Info { return s.set.Infos() }

// Registration is what a client says of its device.
type Registration struct {
	Provider    string // provider id or alias
	Token       string
	SecondToken string // for calls; may be empty
}

// Register stores the device of the sender's account and returns it with the
// provider's description. The same device gets the same node again, and its
// second token is replaced, also by none. An [*InputError] says what is wrong
// with the registration.
func (s *Service) Register(ctx context.Context, service string, from jid.JID, r Registration) (repository.Device, providers.Info, error) {
	if from.Localpart() == "" {
		return repository.Device{}, providers.Info{}, &InputError{Text: "only a user's address can register a device"}
	}
	p, key, err := s.key(service, from, r)
	if err != nil {
		return repository.Device{}, providers.Info{}, err
	}
	if err := p.CheckToken(r.Token); err != nil {
		return repository.Device{}, providers.Info{}, &InputError{Text: "device-token: " + err.Error()}
	}
	if r.SecondToken != "" {
		if err := p.CheckToken(r.SecondToken); err != nil {
			return repository.Device{}, providers.Info{}, &InputError{Text: "device-second-token: " + err.Error()}
		}
	}
	d, err := s.devices.Register(ctx, key, r.SecondToken, newUUID())
	if err != nil {
		return repository.Device{}, providers.Info{}, fmt.Errorf("register device: %w", err)
	}
	s.log.Info("device registered", "provider", d.Provider, "account", d.Account, "token", providers.ShortToken(d.Token), "node", d.Node)
	return d, p.Info(), nil
}

// Unregister removes the device of the sender's account. The error is
// [repository.ErrNotFound] for an unknown device and for an unknown provider:
// clients take exactly that for success.
func (s *Service) Unregister(ctx context.Context, service string, from jid.JID, r Registration) error {
	if r.Provider == "" || r.Token == "" {
		return &InputError{Text: "provider and device-token are needed"}
	}
	_, key, err := s.key(service, from, r)
	if err != nil {
		return fmt.Errorf("%w: %w", repository.ErrNotFound, err)
	}
	d, err := s.devices.Unregister(ctx, key)
	if err != nil {
		return fmt.Errorf("unregister device: %w", err)
	}
	s.log.Info("device removed", "why", repository.ReasonUnregistered, "provider", d.Provider, "account", d.Account, "token", providers.ShortToken(d.Token))
	return nil
}

// key makes the registration's key and finds its provider.
func (s *Service) key(service string, from jid.JID, r Registration) (providers.Provider, repository.Key, error) {
	if r.Provider == "" {
		return nil, repository.Key{}, &InputError{Text: "missing value for field provider"}
	}
	if r.Token == "" {
		return nil, repository.Key{}, &InputError{Text: "missing value for field device-token"}
	}
	p, ok := s.set.Lookup(r.Provider)
	if !ok {
		return nil, repository.Key{}, &InputError{Text: fmt.Sprintf("there is no provider %q here", r.Provider)}
	}
	info := p.Info()
	return p, repository.Key{
		Service:   service,
		Account:   from.Bare().String(),
		Providers: append([]string{info.ID}, info.Aliases...),
		Token:     r.Token,
		AnyCase:   info.AnyCase,
	}, nil
}

// serviceOf returns the service JID of the address that a request was sent to:
// its domain. A local part or resource is no matter.
func serviceOf(to string) string {
	to, _, _ = strings.Cut(to, "/")
	if _, domain, ok := strings.Cut(to, "@"); ok {
		to = domain
	}
	return strings.ToLower(to)
}

// newUUID returns a random UUID in lower case: safe in a database key, in XML,
// and as an apns-id.
func newUUID() string {
	var b [16]byte
	// Read never fails (crypto/rand).
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// now is the time that rows are written with.
func now() time.Time { return time.Now().UTC() }
