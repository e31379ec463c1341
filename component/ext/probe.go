package ext

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"sync"
	"time"

	"github.com/tpush/tpush/component/xmpp"
	"mellium.im/xmpp/stanza"
)

// probes are the pings to our own domains that are under way. A ping comes back
// through the server, maybe on another connection of the domain: it proves the
// one that it left by (servers that balance leave others silent for ever).
type probes struct {
	mu    sync.Mutex
	conns map[string]*conn // by the ping's id
}

func (p *probes) out(c *conn) (id string) {
	id = "probe-" + rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil {
		p.conns = map[string]*conn{}
	}
	p.conns[id] = c
	return id
}

// back notes a sign of life when id is a probe's, whatever came back: the ping
// itself, or an error.
func (p *probes) back(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.conns[id]
	if ok {
		c.hear()
		delete(p.conns, id)
	}
	return ok
}

// forget drops the probes of a connection that has ended.
func (p *probes) forget(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, x := range p.conns {
		if x == c {
			delete(p.conns, id)
		}
	}
}

// watch probes a silent stream and ends one that stays silent. The server would
// not notice for us: none of the measured ones sends keep-alives of use. A probe
// may get lost where several processes serve the domain, as another one gets it
// and its answer: there are more before the stream is given up.
func (l *link) watch(ctx context.Context, c *conn, o *outage) {
	defer l.ext.probes.forget(c)
	p, patience := l.ext.pace, o.patience()
	wait := p.probe
	for sleep(ctx, spread(wait)) {
		silent := c.silent()
		if silent >= patience {
			o.heard(c.heard.Load())
			l.log.Warn("the server is silent: connecting again", "dur", silent.Round(time.Second))
			c.stream.Close()
			return
		}
		if wait = p.probe; silent < p.probe/2 {
			continue
		}
		if silent < p.silence {
			wait = (p.silence - p.probe) / probesLeft
		}
		id := l.ext.probes.out(c)
		ping := &xmpp.IQ{Type: stanza.GetIQ, ID: id, From: l.item.Domain, To: l.item.Domain,
			Name: xml.Name{Space: "urn:xmpp:ping", Local: "ping"}, Payload: []byte("<ping xmlns='urn:xmpp:ping'/>")}
		if c.stream.Write(ping) != nil {
			return
		}
	}
}

// probesLeft is how many more probes a silent stream gets.
const probesLeft = 5
