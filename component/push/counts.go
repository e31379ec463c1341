package push

import (
	"context"
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
}

// providerCounts are those of one provider.
type providerCounts struct{ sent, failed, gone *stats.Counter }

// countedThings sets up the numbers of the service.
func (s *Service) countedThings() counts {
	c := counts{providers: map[string]*providerCounts{}}
	c.registered = s.stats.Counter(stats.Desc{Name: "Devices registered", Metric: "registrations_total", Help: "Registrations of devices, repeated ones included.", Level: stats.Fine})
	c.joined = s.stats.Counter(stats.Desc{Name: "Notifications joined", Metric: "notifications_joined_total",
		Help: "Publishes that shared the push of another one: content-less ones and repeated news of a call.", Level: stats.Fine})
	c.removed = func(why repository.Reason) *stats.Counter {
		return s.stats.Counter(stats.Desc{Name: "Devices removed: " + string(why), Metric: "devices_removed_total", Help: "Devices that were removed, by reason.",
			Labels: []stats.Label{{Name: "reason", Value: string(why)}}, Level: stats.Fine})
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
	outcome := func(word, result string) *stats.Counter {
		return s.stats.Counter(stats.Desc{Name: p.ID + "/Notifications " + word, Metric: "notifications_total", Help: "Pushes by outcome.",
			Labels: []stats.Label{{Name: "provider", Value: p.ID}, {Name: "outcome", Value: result}}, Rates: true})
	}
	s.stats.Text(p.ID+"/Certificate valid until", stats.Info, func() string {
		until := s.expiry(p.ID)
		if until.IsZero() {
			return ""
		}
		return until.UTC().Format(time.DateOnly)
	})
	return &providerCounts{outcome("sent", "accepted"), outcome("failed", "failed"), outcome("rejected (device gone)", "gone")}
}

// count notes the outcome of a push.
func (c *counts) count(provider string, err error, dead bool) {
	p := c.providers[provider]
	switch {
	case p == nil: // of a provider that is switched off
	case err == nil:
		p.sent.Inc()
	case dead:
		p.gone.Inc()
	default:
		p.failed.Inc()
	}
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
		all, err := s.devices.Counts(ctx)
		if err != nil {
			return last
		}
		at, last = time.Now(), 0
		for _, c := range all {
			last += float64(c.Devices)
		}
		return last
	}
}
