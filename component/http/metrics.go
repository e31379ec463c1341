package http

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/tpush/tpush/component/push"
	"github.com/tpush/tpush/component/stats"
)

// namespace is in front of all metrics of ours.
const namespace = "tpush"

// collector gives the numbers to Prometheus: those that the components count,
// and how it stands with connections and providers at that moment.
type collector struct{ program *Program }

// Describe describes nothing beforehand: which metrics there are depends on the
// configuration.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends all metrics.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	for _, s := range c.program.samples() {
		out <- metricOf(s)
	}
	gauge := func(name, help string, value float64, labels ...stats.Label) {
		out <- metricOf(stats.Sample{Metric: name, Help: help, Labels: labels, Kind: stats.KindGauge, Value: value})
	}
	gauge("build_info", "1; the label holds the version.", 1, stats.Label{Name: "version", Value: c.program.Version})
	seen := map[[2]string]bool{}
	for _, k := range c.program.Connections() {
		if seen[[2]string{k.Server, k.Domain}] {
			continue // one address twice in the configuration
		}
		seen[[2]string{k.Server, k.Domain}] = true
		labels := []stats.Label{{Name: "server", Value: k.Server}, {Name: "domain", Value: k.Domain}}
		gauge("component_connections", "Connections to the XMPP server that are up.", float64(k.Live), labels...)
		out <- metricOf(stats.Sample{Metric: "component_connects_total", Help: "Connections to the XMPP server that were made.", Labels: labels, Value: float64(k.Connects)})
		out <- metricOf(stats.Sample{Metric: "requests_turned_away_total", Help: "Requests answered as passing failures because more came than could be worked on.", Labels: labels, Value: float64(k.TurnedAway)})
	}
	for _, component := range c.program.states(ctx) {
		for i := range component.providers {
			c.provider(gauge, component.Name, &component.providers[i])
		}
	}
}

func (c *collector) provider(gauge func(name, help string, value float64, labels ...stats.Label), component string, p *push.ProviderState) {
	id := stats.Label{Name: "provider", Value: c.program.label(component, p.ID)}
	messages, calls := stats.Label{Name: "kind", Value: "messages"}, stats.Label{Name: "kind", Value: "calls"}
	const trusted, paused = "1 when the push service's word that a token is unknown removes its device.", "1 while pushes are held back, as the push service takes none."
	gauge("provider_devices", "Registered devices of the provider.", float64(p.Devices), id)
	gauge("provider_trusted", trusted, number(p.Trusted), id, messages)
	gauge("provider_trusted", trusted, number(p.CallsTrusted), id, calls)
	gauge("provider_paused", paused, number(p.Paused), id, messages)
	gauge("provider_paused", paused, number(p.CallsPaused), id, calls)
	for _, x := range certificates(p) {
		gauge("certificate_expiry_timestamp_seconds", "When the provider's certificate expires.", float64(x.At.Unix()), id, stats.Label{Name: "kind", Value: x.Kind})
	}
}

// certificate is when a provider's certificate of a kind ends.
type certificate struct {
	Kind string // messages or calls
	At   time.Time
}

// certificates are when the provider's certificates end, the first of each kind.
func certificates(p *push.ProviderState) (out []certificate) {
	for _, kind := range []string{"messages", "calls"} {
		var first time.Time
		for _, x := range p.Expiries {
			if x.Calls == (kind == "calls") && (first.IsZero() || x.At.Before(first)) {
				first = x.At
			}
		}
		if !first.IsZero() {
			out = append(out, certificate{kind, first})
		}
	}
	if len(out) == 0 && p.Expires != nil {
		out = append(out, certificate{"messages", *p.Expires})
	}
	return out
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// metricOf is a number of ours as Prometheus has it. The help of a metric has to
// be the same for all its series.
func metricOf(s stats.Sample) prometheus.Metric {
	names, values := make([]string, len(s.Labels)), make([]string, len(s.Labels))
	for i, l := range s.Labels {
		names[i], values[i] = l.Name, l.Value
	}
	desc := prometheus.NewDesc(namespace+"_"+s.Metric, s.Help, names, nil)
	var m prometheus.Metric
	var err error
	switch s.Kind {
	case stats.KindHistogram:
		buckets, count := map[float64]uint64{}, uint64(0)
		for i, n := range s.Buckets {
			count += n
			if i < len(s.Buckets)-1 {
				buckets[stats.Bounds()[i]] = count
			}
		}
		m, err = prometheus.NewConstHistogram(desc, count, s.Value, buckets, values...)
	case stats.KindGauge:
		m, err = prometheus.NewConstMetric(desc, prometheus.GaugeValue, s.Value, values...)
	default:
		m, err = prometheus.NewConstMetric(desc, prometheus.CounterValue, s.Value, values...)
	}
	if err != nil {
		return prometheus.NewInvalidMetric(desc, err)
	}
	return m
}

// metrics serves the numbers in the format that a client asks for.
func metrics(p *Program) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(&collector{p}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: storeTime + time.Second})
}
