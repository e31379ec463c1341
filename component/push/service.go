package push

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"time"

	"github.com/tpush/tpush/component/stats"
	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
)

// Devices stores registrations. [repository.Devices] is the real one.
type Devices interface {
	Register(ctx context.Context, k repository.Key, second, newNode string) (repository.Device, error)
	Find(ctx context.Context, k repository.Key) (repository.Device, error)
	ByNode(ctx context.Context, service, node string) ([]repository.Device, error)
	ByAccount(ctx context.Context, service, account string) ([]repository.Device, error)
	Remove(ctx context.Context, d repository.Device, why repository.Reason) error
	Tombstones(ctx context.Context, service, account string) ([]repository.Tombstone, error)
	TombstoneOf(ctx context.Context, k repository.Key) (repository.Tombstone, error)
	ClearSecondToken(ctx context.Context, d repository.Device) error
	NoteOutcome(ctx context.Context, d repository.Device, o repository.Outcome) error
	Counts(ctx context.Context) ([]repository.Count, error)
	Number(ctx context.Context) (int, error)
	Services(ctx context.Context) ([]string, error)
	Under(ctx context.Context, service string) (int, error)
}

// Certificates stores the push services' certificates that administrators set.
// [repository.Certificates] is the real one.
type Certificates interface {
	Store(ctx context.Context, name string, c repository.Certificate) (version string, err error)
	Load(ctx context.Context, name string) (repository.Certificate, error)
	Versions(ctx context.Context) (map[string]string, error)
	Remove(ctx context.Context, name string) error
}

// Sender sends stanzas that nobody has asked for. Package ext has the real one.
type Sender interface {
	Send(ctx context.Context, st xmpp.Stanza) error
}

// Parts are what the use cases work with.
type Parts struct {
	Name      string // of the push bean; certificates are stored below it
	Devices   Devices
	Providers *providers.Set
	// Certificates may be nil: then none can be stored.
	Certificates Certificates
	Log          *slog.Logger
}

// Service holds the use cases; the faces (XMPP, HTTP, command line) call only
// this. Its methods may be called at the same time.
type Service struct {
	name         string
	devices      Devices
	census       census
	set          *providers.Set
	certificates Certificates
	versions     versions
	cfg          Config
	sender       Sender
	from         func() string // service JID of what is sent unasked
	journal      *Journal
	stats        *stats.Set
	counts       counts
	quiet        quiet
	rate         rate
	flights      flights
	log          *slog.Logger
}

// NewService returns the use cases over their parts.
func NewService(p Parts, cfg Config) *Service {
	s := &Service{name: p.Name, devices: p.Devices, census: census{devices: p.Devices}, set: p.Providers, certificates: p.Certificates, cfg: cfg,
		journal: NewJournal(), stats: stats.New(p.Name), log: p.Log}
	s.rate.limit = cfg.PerMinute
	s.counts = s.countedThings()
	return s
}

// Providers describes the active providers in the configuration's order.
func (s *Service) Providers() []providers.Info { return s.set.Infos() }

// Journal returns what became of the last pushes.
func (s *Service) Journal() *Journal { return s.journal }

// Stats returns the component's numbers.
func (s *Service) Stats() *stats.Set { return s.stats }

// domains are the service JIDs under which the devices of a service may be
// stored: its own first.
func (s *Service) domains(service string) []string {
	return append([]string{service}, s.cfg.FormerDomains...)
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
	return formatUUID(b)
}

// now is the time that rows are written with.
func now() time.Time { return time.Now().UTC() }
