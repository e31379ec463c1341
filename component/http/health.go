package http

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// storeTime is how long a store may take to answer before the program counts as
// not ready.
const storeTime = 10 * time.Second

// readiness is the body of /readyz. What does not make the program unready (how
// it stands with the push services) is told all the same.
type readiness struct {
	Ready      bool              `json:"ready"`
	Components []componentHealth `json:"components"`
	Store      string            `json:"store"` // ok, or what is wrong
}

type componentHealth struct {
	Name        string           `json:"name"`
	Connections int              `json:"connections"` // that are up
	Providers   []providerHealth `json:"providers"`
}

type providerHealth struct {
	ID          string     `json:"id"`
	Trusted     bool       `json:"trusted"`
	Paused      bool       `json:"paused"`
	CallsPaused bool       `json:"calls_paused,omitempty"`
	Expires     *time.Time `json:"certificate_expires,omitempty"`
	LastError   string     `json:"last_error,omitempty"`
}

// ready finds out whether every push component has a connection and the store
// answers.
func (p *Program) ready(ctx context.Context) readiness {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	r := readiness{Ready: true, Store: "ok"}
	if err := p.Store(ctx); err != nil {
		r.Ready, r.Store = false, err.Error()
	}
	live := map[string]int{}
	for _, k := range p.Connections() {
		live[k.Component] += k.Live
	}
	for _, c := range p.states(ctx) {
		h := componentHealth{Name: c.Name, Connections: live[c.Name], Providers: []providerHealth{}}
		r.Ready = r.Ready && h.Connections > 0
		for _, s := range c.providers {
			h.Providers = append(h.Providers, providerHealth{s.ID, s.Trusted, s.Paused, s.CallsPaused, s.Expires, s.LastError})
		}
		r.Components = append(r.Components, h)
	}
	return r
}

// readyz answers 200 or 503. The details are only for those who may see the
// status page.
func (m *Management) readyz(w http.ResponseWriter, r *http.Request) {
	state := m.program.ready(r.Context())
	status := http.StatusOK
	if !state.Ready {
		status = http.StatusServiceUnavailable
	}
	if !m.guard.allows(r) {
		text(w, status)
		return
	}
	writeJSON(w, status, state)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A client that is gone needs no answer.
	_ = json.NewEncoder(w).Encode(v)
}
