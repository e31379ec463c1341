package http

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tpush/tpush/component/push"
	"github.com/tpush/tpush/component/stats"
)

// Component is what is shown of a push component: the methods of its
// [push.Service], its journal and its numbers.
type Component struct {
	Name    string
	Status  func(ctx context.Context) []push.ProviderState
	Explain func(ctx context.Context, service, account string) (*push.Explanation, error)
	Entries func(n int, wanted func(*push.Entry) bool) []push.Entry
	Samples func() []stats.Sample
}

// Connection is the state of the connections to one server for one domain.
type Connection struct {
	Component string // name of the push component that answers
	Domain    string
	Server    string // host:port
	Live      int    // connections that are up
	Connects  int    // made since the start
	// TurnedAway is how many requests were answered as passing failures because
	// more came than could be worked on.
	TurnedAway int
	Since      time.Time
	Single     bool   // the server takes only one
	Failure    string // why the last connection ended or was not made; empty: none did
	FailureAt  time.Time
}

// Reconnects is how often the connections were lost and made again.
func (c Connection) Reconnects() int { return max(0, c.Connects-max(c.Live, 1)) }

// Program is the whole of what health, metrics and the status page show. Its
// fields are set before use; nothing of it is ever changed through here.
type Program struct {
	Version    string
	Started    time.Time
	Components []Component
	// Connections returns how it stands with the servers.
	Connections func() []Connection
	// Store asks the stores for something that costs little.
	Store func(ctx context.Context) error
	// Inside answers with the same as JSON, at [PathExplain] and [PathStatus];
	// nil: nothing does.
	Inside http.Handler

	status statusCache
}

// componentState is how it stands with one push component.
type componentState struct {
	*Component
	providers []push.ProviderState
}

// statusCache spares the database: counting devices may take seconds when there
// are millions of them.
type statusCache struct {
	mu    sync.Mutex
	last  []componentState
	until time.Time
}

// statusTime is how long a status is good; when finding it out takes long, that
// is at most a twentieth of the time.
const statusTime, statusShare = 2 * time.Second, 20

// statusLimit is how long devices are counted at most.
const statusLimit = 5 * time.Second

// states returns how it stands with all push components.
func (p *Program) states(ctx context.Context) []componentState {
	c := &p.status
	c.mu.Lock()
	defer c.mu.Unlock()
	began := time.Now()
	if began.Before(c.until) {
		return c.last
	}
	// The answer is for others, too: it does not end with who asked first.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), statusLimit)
	defer cancel()
	var out []componentState
	for i := range p.Components {
		k := &p.Components[i]
		out = append(out, componentState{k, k.Status(ctx)})
	}
	c.last, c.until = out, time.Now().Add(max(statusTime, statusShare*time.Since(began)))
	return out
}

// label is a provider's name in metrics: its id, in front of which stands the
// component when there are several.
func (p *Program) label(component, provider string) string {
	if len(p.Components) > 1 {
		return component + "/" + provider
	}
	return provider
}

// maxSeries bounds the series of one metric, whatever should go wrong with the
// labels.
const maxSeries = 1000

// samples returns the numbers of all components; those that say the same of
// several are added up.
func (p *Program) samples() []stats.Sample {
	var out []stats.Sample
	index := map[string]int{}
	count := map[string]int{}
	for _, k := range p.Components {
		for _, s := range k.Samples() {
			s.Labels = slices.Clone(s.Labels)
			key := s.Metric
			for i := range s.Labels {
				if s.Labels[i].Name == "provider" {
					s.Labels[i].Value = p.label(k.Name, s.Labels[i].Value)
				}
				key += "\x00" + s.Labels[i].Value
			}
			if at, known := index[key]; known {
				out[at] = sum(out[at], s)
				continue
			}
			if count[s.Metric]++; count[s.Metric] > maxSeries {
				continue
			}
			index[key] = len(out)
			out = append(out, s)
		}
	}
	return out
}

func sum(a, b stats.Sample) stats.Sample {
	a.Value += b.Value
	a.Buckets = slices.Clone(a.Buckets)
	for i := range min(len(a.Buckets), len(b.Buckets)) {
		a.Buckets[i] += b.Buckets[i]
	}
	return a
}

// problems returns the last pushes that were not accepted, at most n, the newest
// first: of all, and of each provider, so that one with many hides no other.
func (p *Program) problems(ctx context.Context, n int) []push.Entry {
	var all []push.Entry
	seen := map[string]bool{}
	add := func(entries []push.Entry) {
		for _, e := range entries {
			if key := e.PushID + e.Time.String(); !seen[key] {
				seen[key] = true
				all = append(all, e)
			}
		}
	}
	for _, c := range p.states(ctx) {
		add(c.Entries(n, func(e *push.Entry) bool { return !e.Accepted }))
		for _, state := range c.providers {
			add(state.Problems)
		}
	}
	slices.SortStableFunc(all, func(a, b push.Entry) int { return b.Time.Compare(a.Time) })
	return all[:min(n, len(all))]
}

// explain explains an account at every service that there is a connection for.
func (p *Program) explain(ctx context.Context, account string) (out []*push.Explanation, err error) {
	var asked []string
	for _, k := range p.Connections() {
		at := slices.IndexFunc(p.Components, func(c Component) bool { return c.Name == k.Component })
		if at < 0 || slices.ContainsFunc(asked, func(d string) bool { return strings.EqualFold(d, k.Domain) }) {
			continue
		}
		asked = append(asked, k.Domain)
		e, err := p.Components[at].Explain(ctx, k.Domain, account)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return telling(out), nil
}
