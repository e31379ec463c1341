package push

import (
	"context"
	"slices"
	"time"

	"github.com/tpush/tpush/providers"
)

// ProviderState is how it stands with a provider.
type ProviderState struct {
	ID       string            `json:"id"`
	Aliases  []string          `json:"aliases,omitempty"`
	Label    string            `json:"label"`
	Devices  int               `json:"devices"` // registered, of all services
	Accepted uint64            `json:"accepted"`
	Failures map[string]uint64 `json:"failures,omitempty"` // by the push service's word or the kind
	// Trusted means that a token which the push service does not know is taken
	// for dead; before, for a mistake of the configuration. The same for calls.
	Trusted      bool `json:"trusted"`
	CallsTrusted bool `json:"calls_trusted"`
	// Paused means that pushes are answered as temporary failures at once, as
	// the push service takes none. The same for calls.
	Paused      bool       `json:"paused"`
	CallsPaused bool       `json:"calls_paused"`
	LastError   string     `json:"last_error,omitempty"`
	LastErrorAt *time.Time `json:"last_error_at,omitempty"`
	// Expires is when the certificate in use does; nil without one.
	Expires *time.Time `json:"certificate_expires,omitempty"`
	// Expiries are when each of the credentials in use does.
	Expiries []providers.Expiry `json:"-"`
	// Problems are the last pushes that were not accepted, the newest first.
	Problems []Entry `json:"problems,omitempty"`
}

// Expired reports whether the provider's certificate is of no use any more.
func (p *ProviderState) Expired(at time.Time) bool { return p.Expires != nil && at.After(*p.Expires) }

// ProviderStatus describes the active providers in the configuration's order.
// When the store cannot be asked for the number of devices, it is 0.
func (s *Service) ProviderStatus(ctx context.Context) []ProviderState {
	counted, err := s.census.counts(ctx)
	if err != nil {
		s.log.Warn("devices not counted", "err", err)
	}
	infos := s.set.Infos()
	out := make([]ProviderState, len(infos))
	for i, st := range s.set.States() {
		p := &out[i]
		*p = ProviderState{ID: infos[i].ID, Aliases: infos[i].Aliases, Label: infos[i].Label,
			Accepted: st.Accepted, Failures: st.Failures, LastError: st.LastError,
			Trusted: st.First.Trusted, Paused: st.First.Paused, CallsTrusted: st.Second.Trusted, CallsPaused: st.Second.Paused,
			LastErrorAt: some(st.LastErrorAt), Expires: some(s.expiry(infos[i].ID)), Expiries: st.Expiries, Problems: s.journal.Problems(infos[i].ID)}
		for _, c := range counted {
			if means(infos[i], c.Provider) {
				p.Devices += c.Devices
			}
		}
	}
	return out
}

func means(p providers.Info, id string) bool { return p.ID == id || slices.Contains(p.Aliases, id) }

// some is a time that may be missing.
func some(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
