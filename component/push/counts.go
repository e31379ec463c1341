package push

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/tpush/tpush/component/stats"
	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
)

// counts are the counters of the use cases. Tigase's names for those of its push
// component are not public; these follow its manner.
type counts struct {
	registered *stats.Counter
	joined     *stats.Counter
	providers  map[string]*providerCounts
	removed    func(repository.Reason) *stats.Counter
	published  map[string]*stats.Counter // by outcome
}

// providerCounts are those of one provider.
type providerCounts struct {
	sent, failed, gone *stats.Counter
	reasons            *reasonCounts
	took               *stats.Histogram
}

// reasonCounts count pushes by outcome and reason. Reasons are a push service's
// words: however many it makes up, only so many are kept apart.
type reasonCounts struct {
	counter func(outcome, reason string) *stats.Counter
	mu      sync.Mutex
	known   map[[2]string]*stats.Counter
}

const (
	maxReasons  = 50
	otherReason = "other"
)

func (r *reasonCounts) of(outcome, reason string) *stats.Counter {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.known[[2]string{outcome, reason}]
	if c == nil && len(r.known) >= maxReasons {
		reason = otherReason
		c = r.known[[2]string{outcome, reason}]
	}
	if c == nil {
		c = r.counter(outcome, reason)
		r.known[[2]string{outcome, reason}] = c
	}
	return c
}

// countedThings sets up the numbers of the service.
func (s *Service) countedThings() counts {
	c := counts{providers: map[string]*providerCounts{}, published: map[string]*stats.Counter{}}
	c.registered = s.stats.Counter(stats.Desc{Name: "Devices registered", Metric: "registrations_total", Help: "Registrations of devices, repeated ones included.", Level: stats.Fine})
	c.joined = s.stats.Counter(stats.Desc{Name: "Notifications joined", Metric: "notifications_joined_total",
		Help: "Publishes that shared the push of another one: content-less ones and repeated news of a call.", Level: stats.Fine})
	c.removed = func(why repository.Reason) *stats.Counter {
		return s.stats.Counter(stats.Desc{Name: "Devices removed: " + string(why), Metric: "devices_removed_total", Help: "Devices that were removed, by reason.",
			Labels: []stats.Label{{Name: "reason", Value: string(why)}}, Level: stats.Fine})
	}
	for _, outcome := range []string{publishAccepted, publishGone, publishFailed, publishRefused} {
		c.published[outcome] = s.stats.Counter(stats.Desc{Name: "Publishes " + outcome, Metric: "publishes_total", Help: "Publishes of servers, by what they were answered.",
			Labels: []stats.Label{{Name: "outcome", Value: outcome}}, Level: stats.Fine})
	}
	for _, p := range s.set.Infos() {
		c.providers[p.ID] = s.countedOf(p)
	}
	s.stats.Gauge(stats.Desc{Name: "Queue wait", Metric: "notifications_waiting", Help: "Publishes that wait for the push of another one."},
		func() float64 { return float64(s.flights.waiting()) })
	s.stats.Gauge(stats.Desc{Name: "Registered devices", Metric: "devices", Help: "Registered devices, counted at most once a minute."}, s.deviceNumber())
	return c
}

func (s *Service) countedOf(p providers.Info) *providerCounts {
	outcome := func(word string) *stats.Counter {
		return s.stats.Counter(stats.Desc{Name: p.ID + "/Notifications " + word, Rates: true})
	}
	provider := stats.Label{Name: "provider", Value: p.ID}
	reasons := &reasonCounts{known: map[[2]string]*stats.Counter{}, counter: func(outcome, reason string) *stats.Counter {
		return s.stats.Counter(stats.Desc{Name: strings.TrimSuffix(p.ID+"/Pushes "+outcome+": "+reason, ": "), Metric: "pushes_total", Help: "Pushes to devices, by outcome and the push service's word for it.",
			Labels: []stats.Label{provider, {Name: "outcome", Value: outcome}, {Name: "reason", Value: reason}}, Level: stats.Finer})
	}}
	reasons.of(pushAccepted, "")
	took := s.stats.Histogram(stats.Desc{Name: p.ID + "/Push time", Metric: "push_duration_seconds", Help: "Time from a notification to the push service's answer, repeats included.",
		Labels: []stats.Label{provider}, Level: stats.Fine})
	s.stats.Text(p.ID+"/Certificate valid until", stats.Info, func() string {
		until := s.expiry(p.ID)
		if until.IsZero() {
			return ""
		}
		return until.UTC().Format(time.DateOnly)
	})
	return &providerCounts{outcome("sent"), outcome("failed"), outcome("rejected (device gone)"), reasons, took}
}

// Outcomes of publishes and pushes, as metrics name them.
const (
	publishAccepted = "accepted"
	publishGone     = "gone"    // the node has no device any more: the server drops the registration
	publishFailed   = "failed"  // for the moment: the registration stays
	publishRefused  = "refused" // malformed, no push, or by somebody who may not publish
	pushAccepted    = "accepted"
	pushGone        = "gone"
	pushFailed      = "failed"
)

// count notes the outcome of a push.
func (c *counts) count(e *Entry, provider string, err error, dead bool) {
	p := c.providers[provider]
	if p == nil { // of a provider that is switched off
		return
	}
	p.took.Note(e.Took)
	counter, outcome := p.failed, pushFailed
	switch {
	case err == nil:
		counter, outcome = p.sent, pushAccepted
	case dead:
		counter, outcome = p.gone, pushGone
	}
	counter.IncAt(e.Time.Add(e.Took))
	p.reasons.of(outcome, e.Reason).Inc()
}

// publish notes the outcome of a publish.
func (c *counts) publish(err error) {
	if err == nil {
		c.published[publishAccepted].Inc()
		return
	}
	var input *InputError
	outcome := publishFailed
	switch {
	case errors.Is(err, repository.ErrNotFound):
		outcome = publishGone
	case errors.Is(err, ErrForbidden), errors.As(err, &input):
		outcome = publishRefused
	}
	c.published[outcome].Inc()
}

// deviceNumber counts the devices in the store, not more than once a minute:
// whoever reads the statistics must not be a burden on the database.
func (s *Service) deviceNumber() func() float64 {
	var mu sync.Mutex
	var at time.Time
	var last float64
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(at) < time.Minute {
			return last
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		n, err := s.devices.Number(ctx)
		at = time.Now() // one that took too long is not asked for again at once either
		if err == nil {
			last = float64(n)
		}
		return last
	}
}
