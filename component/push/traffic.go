package push

import (
	"time"

	"github.com/tpush/tpush/component/stats"
	"github.com/tpush/tpush/component/xmpp"
	"mellium.im/xmpp/stanza"
)

// traffic counts what comes and goes, as every component of Tigase does.
type traffic struct {
	received, sent *stats.Counter
	errors         *stats.Counter
	took           *stats.Timer
	modules        map[string]module // by the payload's namespace
}

// module counts what one of Tigase's modules would have done.
type module struct {
	executions *stats.Counter
	took       *stats.Timer
}

func newTraffic(s *stats.Set) traffic {
	t := traffic{
		received: s.Counter(stats.Desc{Name: "Packets received", Metric: "requests_total", Help: "Requests that came.", Rates: true, Level: stats.Info}),
		sent:     s.Counter(stats.Desc{Name: "Packets sent", Metric: "answers_total", Help: "Answers that were given.", Level: stats.Info}),
		errors:   s.Counter(stats.Desc{Name: "Errors answered", Metric: "errors_total", Help: "Answers that were errors.", Level: stats.Info}),
		took: s.Timer(stats.Desc{Name: "Average processing time on last 100 runs [ms]", Metric: "request_seconds",
			Help: "Time from a request to its answer, the push service's included."}),
		modules: map[string]module{},
	}
	s.Packets(t.received)
	for space, name := range map[string]string{nsPubSub: "PublishModule", nsCommands: "AdHocCommandModule", nsDiscoInfo: "DiscoveryModule",
		nsDiscoItems: "DiscoveryItemsModule", nsPing: "XmppPingModule", nsVersion: "SoftwareVersionModule"} {
		base := "stanzaProcessor/" + name + "/"
		t.modules[space] = module{
			s.Counter(stats.Desc{Name: base + "Executions", Level: stats.Fine}),
			s.Timer(stats.Desc{Name: base + "Average processing time", Level: stats.Finer}),
		}
	}
	return t
}

// note notes a request that was answered now, and how long that took.
func (t *traffic) note(q, answer *xmpp.IQ, now time.Time, took time.Duration) {
	t.received.IncAt(now)
	t.sent.Inc()
	t.took.Note(took)
	if answer.Type == stanza.ErrorIQ {
		t.errors.Inc()
	}
	if m, ok := t.modules[q.Name.Space]; ok {
		m.executions.Inc()
		m.took.Note(took)
	}
}
