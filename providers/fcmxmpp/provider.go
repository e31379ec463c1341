package fcmxmpp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tpush/tpush/providers"
	"mellium.im/xmpp/jid"
)

// Pauses before a connection is made again, when the one before was of no use.
const (
	firstPause   = time.Second
	longestPause = 5 * time.Minute
	// settled is how long a connection has to live to have been of use, even if
	// there was nothing to send: servers close idle ones.
	settled = 30 * time.Second
)

// Provider pushes for one sender id.
type Provider struct {
	info    providers.Info
	cfg     Config
	account jid.JID
	address string
	tls     *tls.Config
	pool    *pool
	log     *slog.Logger

	once sync.Once // of start
	ctx  context.Context
	stop context.CancelFunc
	all  sync.WaitGroup // of the connections
}

var _ providers.Provider = (*Provider)(nil)

// New returns a provider; roots are the authorities of the server's certificate.
// It connects in Run, or at its first push. Errors are sentences for admins that
// name the property. Google's own servers no longer answer, which is logged: the
// provider has its devices for the day when there is a service account.
func New(name string, cfg Config, roots *x509.CertPool, l *slog.Logger) (*Provider, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	var account jid.JID
	if cfg.complete() {
		var err error
		if account, err = cfg.account(); err != nil {
			return nil, err
		}
	}
	if cfg.Host == "" {
		l.Warn(Ended)
	}
	p := &Provider{
		info: providers.Info{ID: name, Aliases: cfg.Aliases, Label: "FCM", MaxPayload: 3072,
			Features: []string{"tigase:push:encrypt:0", "tigase:push:priority:0"}},
		cfg: cfg, account: account, pool: newPool(), log: l,
	}
	var host string
	p.address, host = cfg.address()
	p.tls = &tls.Config{ServerName: host, RootCAs: roots, MinVersion: tls.VersionTLS12}
	p.ctx, p.stop = context.WithCancel(context.Background())
	return p, nil
}

// Info describes the provider.
func (p *Provider) Info() providers.Info { return p.info }

// CheckToken accepts what can be an FCM registration token.
func (p *Provider) CheckToken(token string) error {
	return providers.CheckOpaqueToken("FCM registration token", token)
}

// Run connects. The connections outlive ctx until Close, as pushes that are in
// work at the end still need them.
func (p *Provider) Run(ctx context.Context) error {
	p.start()
	<-ctx.Done()
	return nil
}

func (p *Provider) start() {
	p.once.Do(func() {
		if !p.cfg.complete() {
			return
		}
		for range p.cfg.PoolSize {
			p.all.Go(p.keep)
		}
	})
}

// Close ends the connections and waits for that.
func (p *Provider) Close() error {
	p.once.Do(func() {})
	p.stop()
	p.all.Wait()
	return nil
}

// Push makes one attempt; its error is an [*providers.Error].
func (p *Provider) Push(ctx context.Context, to providers.Target, n providers.Notification) error {
	if !p.cfg.complete() {
		return &providers.Error{Kind: providers.Unauthorized, Reason: "no credentials", Err: errors.New("add 'service-account-file': there is nothing to log in with")}
	}
	p.start()
	ctx, end := to.Bound(ctx)
	defer end()
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	id := "m-" + n.ID
	err := p.push(ctx, id, p.compose(to.Token, id, &n))
	p.log.Debug("push", "id", id, "token", providers.ShortToken(to.Token), "err", err)
	return err
}

func (p *Provider) push(ctx context.Context, id string, m *downstream) error {
	l, w, err := p.pool.take(ctx, id, m.To)
	if err != nil {
		return err
	}
	if err := l.send(wrap(id, m)); err != nil {
		l.conn.Close()
	}
	select {
	case outcome := <-w.done:
		if outcome != nil {
			return outcome
		}
		return nil
	case <-ctx.Done():
	}
	// Half of the time: the other half may have gone by before it was sent.
	if limit := p.cfg.Timeout / 2; time.Since(w.sent) >= limit && p.pool.suspect(l, w, limit) {
		l.conn.Close()
	}
	return &providers.Error{Kind: providers.Unknown, Reason: "no answer", Err: ctx.Err()}
}

// keep keeps one connection open. One that the server is about to close, or
// that ended after it was of use, is replaced at once.
func (p *Provider) keep() {
	useless := 0
	for p.ctx.Err() == nil {
		l, err := p.dial(p.ctx)
		if err != nil {
			p.report(err)
			useless++
		} else {
			useless = p.use(l, useless)
		}
		if useless > 0 {
			p.rest(useless - 1)
		}
	}
}

// use lets messages go over a connection for as long as it takes new ones. It
// returns how many in a row were of no use by then.
func (p *Provider) use(l *link, useless int) int {
	began := time.Now()
	p.log.Info("connected", "server", p.address)
	p.pool.add(l)
	p.all.Go(func() { l.serve(p.ctx) })
	select {
	case <-l.drained:
		p.log.Info("the server is about to close the connection: opening another")
	case <-l.ended:
		if p.ctx.Err() == nil {
			p.log.Warn("connection lost: connecting again", "err", l.cause)
		}
	}
	if p.pool.used(l) || time.Since(began) >= settled {
		return 0
	}
	return useless + 1
}

// report tells that there is no connection: those who wait for one, and the log
// once until there is one again.
func (p *Provider) report(err error) {
	if p.ctx.Err() != nil {
		return
	}
	cause := &providers.Error{Kind: providers.Temporary, Reason: "not connected", Err: err}
	level := slog.LevelWarn
	if _, ok := errors.AsType[*authError](err); ok {
		cause.Kind, level = providers.Unauthorized, slog.LevelError
	}
	if !p.pool.fail(cause) {
		level = slog.LevelDebug
	}
	p.log.Log(p.ctx, level, "cannot connect: trying again", "server", p.address, "err", err)
}

// rest waits before another try, each time longer, and not in step with others.
func (p *Provider) rest(tries int) {
	pause := min(firstPause<<min(tries, 16), longestPause)
	t := time.NewTimer(pause/2 + rand.N(pause/2))
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.ctx.Done():
	}
}
