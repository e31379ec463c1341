package apns

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/h2"
)

// Provider pushes for one app.
type Provider struct {
	maker  maker
	info   providers.Info     // while there are no credentials
	broken error              // why there were none at the start, though files are named
	ended  []providers.Expiry // of a certificate that had expired then
	sender atomic.Pointer[sender]
	log    *slog.Logger

	messages sync.Pool // of *message

	mu   sync.Mutex // guards the rest, and changes of sender
	open bool       // connections are kept open
	all  []*h2.Transport
}

var (
	_ providers.Provider        = (*Provider)(nil)
	_ providers.CertificateUser = (*Provider)(nil)
	_ providers.Expirer         = (*Provider)(nil)
)

// handOver is how long after the start it is said that there is no certificate:
// the one in the database is handed over by then.
const handOver = 10 * time.Second

// New loads the credentials. Relative file names are below home. Errors are
// sentences for admins that name the property. When only the credentials cannot
// be used, the provider starts broken; see [Provider.Broken]. An expired
// certificate for calls is no error: it is logged, and calls go as alerts.
// Without a file it waits for [Provider.UseCertificate].
func New(name string, cfg Config, home string, l *slog.Logger) (*Provider, error) {
	return newProvider(name, cfg, home, cfg.hosts(), l)
}

func newProvider(name string, cfg Config, home string, to hosts, l *slog.Logger) (*Provider, error) {
	roots, err := h2.Roots(below(home, cfg.CAFile))
	if err != nil {
		err = fmt.Errorf("ca-file: %w", err)
	}
	if err := errors.Join(cfg.check(), err); err != nil {
		// What is wrong with the files is told with it.
		return nil, errors.Join(err, cfg.checkFiles(home))
	}
	p := &Provider{maker: maker{name, cfg, home, to, roots, l}, log: l,
		info: describe(name, cfg.Aliases, cfg.Format == formatGuide, false)}
	s, err := p.maker.fromFiles()
	switch {
	case err != nil:
		p.broken = cmp.Or(cfg.checkFiles(home), err)
		if s != nil {
			p.ended = s.expiries
		}
	case s != nil:
		p.use(s)
	case cfg.Topic == "":
		l.Warn("there is no certificate and no 'apns-topic': add 'cert-file', 'cert-password' and 'apns-topic'; or 'apns-topic' alone for a certificate that is set with the command Set APNS certificate and kept in the database")
	}
	return p, nil
}

// Broken tells why the provider was started without being able to push: the
// files with its credentials cannot be used. It still has its devices, and takes
// new ones; [Provider.Reload] looks at the files again. Nil when all was well.
func (p *Provider) Broken() error { return p.broken }

func below(home, file string) string {
	if file == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(home, file)
}

// use takes a sender in the place of the one in use, whose pushes under way get
// their answers.
func (p *Provider) use(s *sender) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open {
		s.open()
	}
	p.all = append(p.all, s.transports()...)
	if old := p.sender.Swap(s); old != nil {
		for _, t := range old.transports() {
			t.Drain()
		}
	}
}

// Info describes the provider. Its features change with its certificate.
func (p *Provider) Info() providers.Info {
	if s := p.sender.Load(); s != nil {
		return s.info
	}
	return p.info
}

// Run keeps connections to Apple open until ctx ends.
func (p *Provider) Run(ctx context.Context) error {
	p.mu.Lock()
	p.open = true
	if s := p.sender.Load(); s != nil {
		s.open()
	}
	p.mu.Unlock()
	t := time.NewTimer(handOver)
	defer t.Stop()
	select {
	case <-t.C:
		if p.sender.Load() == nil && p.broken == nil {
			p.log.Warn("no certificate yet: pushes fail until one is set with the command Set APNS certificate, or name a file in 'cert-file' or 'p8-file'")
		}
		<-ctx.Done()
	case <-ctx.Done():
	}
	return nil
}

// CheckToken accepts what can be an APNs token: hex digits, two for each byte.
// Apple says not to assume a length.
func (p *Provider) CheckToken(token string) error { return checkToken(token) }

func checkToken(token string) error {
	if len(token) < 64 || len(token) > 200 || !isHex(token) {
		return errors.New("an APNs device token is 64 to 200 hex digits")
	}
	return nil
}

// isHex reports whether a text is whole bytes in hex digits.
func isHex(s string) bool {
	var b [100]byte
	_, err := hex.Decode(b[:], []byte(s))
	return err == nil
}

// Push makes one attempt; on the other environment one more where that is
// configured and the first does not know the token.
func (p *Provider) Push(ctx context.Context, to providers.Target, n providers.Notification) error {
	s := p.sender.Load()
	if s == nil {
		return &providers.Error{Kind: providers.Unauthorized, Err: cmp.Or(p.broken, errNoCertificate)}
	}
	began := time.Now()
	m, ok := p.messages.Get().(*message)
	if !ok {
		m = new(message)
	}
	defer func() {
		m.reset()
		p.messages.Put(m)
	}()
	s.style.compose(m, &to, &n, began)
	if err := checkToken(m.token); err != nil {
		return &providers.Error{Kind: providers.Doubtful, Second: m.second, Reason: reasonBadToken, Err: err}
	}
	sandbox := s.sandbox || to.Sandbox
	err := s.send(ctx, sandbox, m)
	if err != nil && s.fallback && err.Reason == reasonBadToken {
		other := s.send(ctx, !sandbox, m)
		if other == nil && to.Moved != nil {
			to.Moved(!sandbox)
		}
		// What the other environment says of our credentials is beside the point.
		if other == nil || other.Kind != providers.Unauthorized && other.Kind != providers.Doubtful {
			err = other
		}
	}
	if p.log.Enabled(ctx, slog.LevelDebug) {
		p.debug(m, err, time.Since(began))
	}
	if err != nil {
		return err
	}
	return nil
}

// debug writes the line that every push has at the level debug.
func (p *Provider) debug(m *message, err *providers.Error, took time.Duration) {
	log := p.log.With("id", m.id, "token", providers.ShortToken(m.token), "type", m.pushType, "dur", took)
	if err != nil {
		log.Debug("push not accepted", "err", err)
		return
	}
	log.Debug("push accepted")
}

// Close ends the connections.
func (p *Provider) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.all {
		t.Close()
	}
	p.all = nil
	return nil
}
