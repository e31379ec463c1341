package ext

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tpush/tpush/component/xmpp"
)

// Handler answers the requests that come for a domain.
type Handler interface {
	// HandleIQ is called once per get or set, each in its own goroutine, and
	// returns the answer.
	HandleIQ(ctx context.Context, q *xmpp.IQ) *xmpp.IQ
}

const (
	// slots bounds the requests in work over all connections.
	slots = 1024
	// drainTime is how long requests in work may take at a shutdown.
	drainTime = 30 * time.Second
)

// ErrNotConnected means that no server is connected that a stanza could be
// handed to.
var ErrNotConnected = errors.New("no connection to a server")

// Ext keeps the connections to all servers.
type Ext struct {
	links    []*link
	handlers map[string]Handler // by domain; complete before Run
	slots    chan struct{}
	probes   probes
	pace     pace
	log      *slog.Logger

	mu       sync.Mutex
	draining bool
	readers  sync.WaitGroup // goroutines that read a stream and start handlers
	inWork   sync.WaitGroup // handlers
	drained  chan struct{}  // closed when all handlers have answered at a shutdown
}

// New reads the connection items; it dials nothing. Relative file names are
// below home.
func New(cfg Config, home string, l *slog.Logger) (*Ext, error) {
	items, err := cfg.items(home)
	if err != nil {
		return nil, err
	}
	e := &Ext{
		handlers: map[string]Handler{},
		slots:    make(chan struct{}, slots),
		pace:     defaultPace,
		log:      l,
		drained:  make(chan struct{}),
	}
	for i := range items {
		d, err := newDialer(&items[i], home)
		if err != nil {
			return nil, err
		}
		for _, address := range items[i].addresses(cfg.ServerHost) {
			e.links = append(e.links, newLink(e, items[i], address, d, max(1, cfg.PerHost)))
		}
	}
	return e, nil
}

// Domains are the component domains of the items, in their order: the service
// JIDs that this program answers for.
func (e *Ext) Domains() []string {
	var out []string
	for i, l := range e.links {
		if i == 0 || l.item.Domain != e.links[i-1].item.Domain {
			out = append(out, l.item.Domain)
		}
	}
	return out
}

// Bind sets who answers for a domain. It is called before Run.
func (e *Ext) Bind(domain string, h Handler) { e.handlers[domain] = h }

// Run keeps the connections until ctx ends. Then it stops reading, lets the
// requests in work be answered for at most 30 s, and closes all streams.
func (e *Ext) Run(ctx context.Context) error {
	if len(e.links) == 0 {
		e.log.Warn("no connection items: nothing connects; add one to 'items' of the ext bean or to " + ItemsFile)
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var links sync.WaitGroup
	for _, l := range e.links {
		links.Go(func() { l.run(ctx, work) })
	}
	<-ctx.Done()
	e.drain(cancel)
	links.Wait()
	return nil
}

// drain waits for the requests in work and then lets the streams close.
func (e *Ext) drain(cancel context.CancelFunc) {
	e.mu.Lock()
	e.draining = true
	e.mu.Unlock()
	e.readers.Wait()
	timer := time.AfterFunc(drainTime, cancel)
	defer timer.Stop()
	e.inWork.Wait()
	close(e.drained)
}

// startReading counts a reader in; false when the program is stopping.
func (e *Ext) startReading() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.draining {
		return false
	}
	e.readers.Add(1)
	return true
}

// Send writes a stanza on a connection of the domain that it is from. The error
// wraps [ErrNotConnected] when there is none.
func (e *Ext) Send(_ context.Context, st xmpp.Stanza) error {
	domain := domainOf(st.Sender())
	for _, l := range e.links {
		if l.item.Domain != domain {
			continue
		}
		if l.write(st, nil) {
			return nil
		}
	}
	return fmt.Errorf("send as %s: %w", domain, ErrNotConnected)
}

// Connection is the state of the connections to one address.
type Connection struct {
	Domain  string
	Address string
	Live    int       // streams that are up
	Since   time.Time // when the oldest of them was established
	Single  bool      // the server takes one connection per domain
}

// Connections returns the state of all connections, in the items' order.
func (e *Ext) Connections() []Connection {
	out := make([]Connection, len(e.links))
	for i, l := range e.links {
		out[i] = l.state()
	}
	return out
}
