package fcm

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"firebase.google.com/go/v4/messaging"
	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/h2"
)

// Provider pushes for one Firebase project.
type Provider struct {
	info   providers.Info
	cfg    Config
	home   string
	quotas *Quotas
	slots  chan struct{}
	log    *slog.Logger

	plainly *http.Transport
	way     http.RoundTripper
	end     func()

	loading sync.Mutex
	project string                 // of the account that was loaded first; loading guards it
	sender  atomic.Pointer[sender] // nil: the credentials could not be loaded
	broken  error                  // why, at the start
}

var _ providers.Provider = (*Provider)(nil)

// New returns a provider. Relative file names are below home. Errors are
// sentences for admins that name the property. When only the service account
// cannot be loaded, the provider starts broken; see [Provider.Broken].
func New(name string, cfg Config, home string, quotas *Quotas, l *slog.Logger) (*Provider, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	endpoint, err := cfg.endpoint()
	if err != nil {
		return nil, err
	}
	cfg.Endpoint = endpoint.String()
	roots, err := h2.Roots(below(home, cfg.CAFile))
	if err != nil {
		return nil, fmt.Errorf("ca-file: %w", err)
	}
	p := &Provider{
		info: providers.Info{ID: name, Aliases: cfg.Aliases, Label: "FCM", MaxPayload: 3072,
			Features: []string{"tigase:push:encrypt:0", "tigase:push:priority:0"}},
		cfg: cfg, home: home, quotas: quotas, log: l,
		slots: make(chan struct{}, cfg.MaxConcurrent),
	}
	if p.plainly, err = standard(&cfg, roots); err != nil {
		return nil, err
	}
	if p.way, p.end, err = connect(endpoint, &cfg, roots, p.plainly, l); err != nil {
		return nil, err
	}
	_, p.broken = p.ready()
	return p, nil
}

// Broken tells why the provider was started without being able to push: its
// service account could not be loaded. It still has its devices, and looks for
// the account again at each push. Nil when all was well.
func (p *Provider) Broken() error { return p.broken }

// ready returns what sends, and loads it first where that did not work before.
func (p *Provider) ready() (*sender, error) {
	if s := p.sender.Load(); s != nil {
		return s, nil
	}
	p.loading.Lock()
	defer p.loading.Unlock()
	if s := p.sender.Load(); s != nil {
		return s, nil
	}
	s, err := p.load()
	if err != nil {
		return nil, err
	}
	p.sender.Store(s)
	return s, nil
}

// Reload reads the service account again. After an error the one in use stays.
func (p *Provider) Reload() error {
	p.loading.Lock()
	defer p.loading.Unlock()
	s, err := p.load()
	if err != nil {
		return fmt.Errorf("provider %s: %w", p.info.ID, err)
	}
	p.sender.Store(s)
	return nil
}

// Info describes the provider.
func (p *Provider) Info() providers.Info { return p.info }

// CheckToken accepts what can be an FCM registration token.
func (p *Provider) CheckToken(token string) error {
	return providers.CheckOpaqueToken("FCM registration token", token)
}

// Push makes one attempt; its error is an [*providers.Error]. More than
// max-concurrent at a time wait for their turn.
func (p *Provider) Push(ctx context.Context, to providers.Target, n providers.Notification) error {
	ctx, cancel := to.Bound(ctx)
	defer cancel()
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return &providers.Error{Kind: providers.Temporary, Reason: "busy", Err: fmt.Errorf("wait for one of max-concurrent requests: %w", ctx.Err())}
	}
	defer func() { <-p.slots }()
	err := p.push(ctx, compose(to.Token, n, p.cfg.Expiration))
	p.log.Debug("push", "id", n.ID, "token", providers.ShortToken(to.Token), "err", err)
	return err
}

func (p *Provider) push(ctx context.Context, m *messaging.Message) error {
	s, err := p.ready()
	if err != nil {
		return &providers.Error{Kind: providers.Unauthorized, Reason: "no credentials", Err: err}
	}
	if err := s.turn(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.RequestTimeout)
	defer cancel()
	x := &exchange{device: m.Token, cancel: cancel}
	outcome := s.send(context.WithValue(ctx, exchangeKey{}, x), x, m, p.cfg.DryRun)
	if outcome == nil {
		return nil
	}
	if outcome.Kind == providers.Unauthorized && x.token == nil {
		// The account was refused a token: its file may hold another by now.
		p.sender.CompareAndSwap(s, nil)
	}
	return outcome
}

// Close ends the connections.
func (p *Provider) Close() error {
	p.end()
	p.plainly.CloseIdleConnections()
	return nil
}
