package ext

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/tpush/tpush/component/xmpp"
)

// Handler answers the requests that come for a domain.
type Handler interface {
	// HandleIQ is called once per get or set, each in its own goroutine, and
	// returns the answer. ctx ends 24 to 25 s after the request was read, or when
	// nobody waits for answers any more: then there are 4 s left to note what
	// became of it.
	HandleIQ(ctx context.Context, q *xmpp.IQ) *xmpp.IQ
}

// drainTime is how long requests in work may take at a shutdown, unless
// [Ext.LimitDrain] says otherwise.
const drainTime = 30 * time.Second

// ErrNotConnected means that no server is connected that a stanza could be
// handed to.
var ErrNotConnected = errors.New("no connection to a server")

// Ext keeps the connections to all servers.
type Ext struct {
	cfg     Config
	home    string
	fixed   []Item // of the configuration and the items file
	lists   []list
	route   func(domain string) (Handler, error)
	tell    func(ctx context.Context, domains []string)
	backlog backlog
	probes  probes
	pace    pace
	drain   time.Duration
	log     *slog.Logger

	mu      sync.Mutex
	domains []string
	links   []*link // in service, in the items' order
	refused []Item  // told about
	ports   []int   // listened at
}

// New reads the connection items of the configuration; it dials nothing and
// reads no list yet. Relative file names are below home.
func New(cfg Config, home string, l *slog.Logger, lists ...List) (*Ext, error) {
	items, err := cfg.items(home, l)
	if err != nil {
		return nil, err
	}
	e := &Ext{cfg: cfg, home: home, fixed: items, backlog: backlog{bounds: defaultBounds, log: l}, pace: defaultPace, drain: drainTime, log: l,
		route: func(string) (Handler, error) { return nil, errors.New("nothing answers for this domain") },
		tell:  func(context.Context, []string) {}}
	for _, li := range lists {
		e.lists = append(e.lists, list{List: li})
	}
	e.noteDomains()
	return e, nil
}

// Domains are the component domains of the items, in their order: the service
// JIDs that this program answers for. Those of lists are among them once
// [Ext.Refresh] or Run has read the lists.
func (e *Ext) Domains() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.domains)
}

// TellDomains has Run say which domains there are: once it has read the lists,
// and again each time that they are others. It is called before Run.
func (e *Ext) TellDomains(tell func(ctx context.Context, domains []string)) { e.tell = tell }

// Route sets how it is found who answers for a domain. It is called before Run.
func (e *Ext) Route(find func(domain string) (Handler, error)) { e.route = find }

// LimitDrain sets how long requests in work may take at the end, 30 s otherwise.
// It is called before Run.
func (e *Ext) LimitDrain(d time.Duration) { e.drain = d }

// Run keeps the connections until ctx ends. Then it stops reading, lets the
// requests in work be answered for at most 30 s, and closes all streams. Lists
// are read again every half minute; an item that changed gets new connections.
func (e *Ext) Run(ctx context.Context) error {
	var running sync.WaitGroup
	told := false
	var domains []string
	for {
		e.Refresh(ctx)
		items := e.items()
		if len(items) == 0 && !told && ctx.Err() == nil {
			e.tellNone()
			told = true
		}
		e.apply(ctx, items, &running)
		if now := e.Domains(); !slices.Equal(now, domains) {
			domains = now
			e.tell(ctx, now)
		}
		if len(e.lists) == 0 {
			<-ctx.Done()
		}
		if !sleep(ctx, spread(e.pace.lists)) {
			break
		}
	}
	running.Wait()
	return nil
}

// apply starts links for new items and ends those of items that are gone.
func (e *Ext) apply(ctx context.Context, items []Item, running *sync.WaitGroup) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var keep []*link
	var refused []Item
	for _, it := range items {
		of := matching(e.links, func(l *link) bool { return l.item == it })
		if of == nil {
			var err error
			if of, err = e.newLinks(it); err != nil {
				if refused = append(refused, it); !slices.Contains(e.refused, it) {
					e.log.Error("connection item left out", "domain", it.Domain, "err", err)
				}
				continue
			}
			e.start(ctx, of, running)
		}
		keep = append(keep, of...)
	}
	for _, l := range e.links {
		if !slices.Contains(keep, l) {
			l.log.Info("connection item removed or changed")
			l.end()
		}
	}
	e.links, e.refused = keep, refused
}

// start runs new links, and listens where one of them needs it.
func (e *Ext) start(ctx context.Context, links []*link, running *sync.WaitGroup) {
	for _, l := range links {
		own, cancel := context.WithCancel(ctx)
		l.end = cancel
		running.Go(func() {
			defer cancel()
			l.run(own)
		})
		if l.item.listen && !slices.Contains(e.ports, l.item.Port) {
			e.ports = append(e.ports, l.item.Port)
			running.Go(func() { e.listen(ctx, l.item.Port) })
		}
	}
}

func matching(links []*link, is func(*link) bool) (out []*link) {
	for _, l := range links {
		if is(l) {
			out = append(out, l)
		}
	}
	return out
}

// newLinks makes the links of an item: one for each address.
func (e *Ext) newLinks(it Item) ([]*link, error) {
	h, err := e.route(it.Domain)
	if err != nil {
		return nil, err
	}
	if it.listen {
		return []*link{newLink(e, it, ":"+strconv.Itoa(it.Port), h)}, nil
	}
	d, err := newDialer(&it, e.home)
	if err != nil {
		return nil, err
	}
	var out []*link
	for _, address := range it.addresses(e.cfg.ServerHost) {
		l := newLink(e, it, address, h)
		l.dialer, l.want = d, max(1, e.cfg.PerHost)
		out = append(out, l)
	}
	return out, nil
}

// Send writes a stanza on a connection of the domain that it is from. The error
// wraps [ErrNotConnected] when there is none.
func (e *Ext) Send(_ context.Context, st xmpp.Stanza) error {
	domain := domainOf(st.Sender())
	for _, l := range e.inService() {
		if l.item.Domain == domain && l.write(st) {
			return nil
		}
	}
	return fmt.Errorf("send as %s: %w", domain, ErrNotConnected)
}

func (e *Ext) inService() []*link {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.links
}

// Connection is the state of the connections to one address.
type Connection struct {
	Domain   string
	Address  string    // host:port; where this process listens, ":port"
	Live     int       // streams that are up
	Since    time.Time // when the oldest of them was established
	Single   bool      // the server takes one connection per domain
	Connects int       // streams established since the start
	// TurnedAway is how many requests were answered as passing failures since the
	// start because more came than could be worked on.
	TurnedAway int
	// Failure is why the last stream ended or did not come about, with the time;
	// it stays after a success.
	Failure   string
	FailureAt time.Time
}

// Connections returns the state of all connections, in the items' order.
func (e *Ext) Connections() []Connection {
	links := e.inService()
	out := make([]Connection, len(links))
	for i, l := range links {
		out[i] = l.state()
	}
	return out
}
