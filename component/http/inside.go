package http

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/tpush/tpush/component/push"
	"mellium.im/xmpp/jid"
)

// Inside answers what only the running program knows: GET /explain?account=JID,
// GET /status, and POST /send with account, device and text. It asks nobody who
// he is, so that it belongs behind a [Socket] or a guard.
type Inside struct {
	// Services are the push components by the domain that they serve.
	Services func() map[string]*push.Service
}

// Paths of [Inside].
const (
	PathExplain = "/explain"
	PathStatus  = "/status"
	PathSend    = "/send"
)

// Status is how it stands with the providers of the component of a domain.
type Status struct {
	Service   string               `json:"service"`
	Providers []push.ProviderState `json:"providers"`
}

// Sent is what became of test notifications through the component of a domain.
type Sent struct {
	Service string            `json:"service"`
	Results []push.TestResult `json:"results"`
}

// Handler returns the handler for all paths.
func (h *Inside) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+PathExplain, h.explain)
	mux.HandleFunc("GET "+PathStatus, h.status)
	mux.HandleFunc("POST "+PathSend, h.send)
	return mux
}

// each calls a function for the component of every domain, in the domains'
// order, until one fails.
func (h *Inside) each(do func(domain string, s *push.Service) error) error {
	all := h.Services()
	for _, domain := range slices.Sorted(maps.Keys(all)) {
		if err := do(domain, all[domain]); err != nil {
			return err
		}
	}
	return nil
}

// account reads the account that a request is about; false when it was answered.
func account(w http.ResponseWriter, r *http.Request) (string, bool) {
	j, err := jid.Parse(r.FormValue("account"))
	if err != nil || j.Localpart() == "" {
		http.Error(w, "account: it is the address of a user, user@domain", http.StatusBadRequest)
		return "", false
	}
	return j.Bare().String(), true
}

func (h *Inside) explain(w http.ResponseWriter, r *http.Request) {
	who, ok := account(w, r)
	if !ok {
		return
	}
	out, err := Explain(r.Context(), h.Services(), who)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, http.StatusOK, out)
}

// Explain asks the components of all domains about an account. Those that know
// nothing of it are left out, but for the first when none does.
func Explain(ctx context.Context, services map[string]*push.Service, account string) ([]*push.Explanation, error) {
	h := Inside{Services: func() map[string]*push.Service { return services }}
	var all []*push.Explanation
	err := h.each(func(domain string, s *push.Service) error {
		e, err := s.Explain(ctx, domain, account)
		if err == nil {
			all = append(all, e)
		}
		return err
	})
	return telling(all), err
}

// telling leaves explanations out that tell nothing, but for the first when none
// does.
func telling(all []*push.Explanation) []*push.Explanation {
	known := slices.DeleteFunc(slices.Clone(all), func(e *push.Explanation) bool { return len(e.Devices)+len(e.Removed) == 0 })
	if len(known) == 0 && len(all) > 0 {
		return all[:1]
	}
	return known
}

func (h *Inside) status(w http.ResponseWriter, r *http.Request) {
	out := []Status{}
	_ = h.each(func(domain string, s *push.Service) error { // which does not fail
		out = append(out, Status{domain, s.ProviderStatus(r.Context())})
		return nil
	})
	writeJSON(w, http.StatusOK, out)
}

func (h *Inside) send(w http.ResponseWriter, r *http.Request) {
	who, ok := account(w, r)
	if !ok {
		return
	}
	text := r.FormValue("text")
	if text == "" {
		text = "This is a test."
	}
	out := []Sent{}
	err := h.each(func(domain string, s *push.Service) error {
		results, err := s.SendTest(r.Context(), domain, who, r.FormValue("device"), text)
		if errors.Is(err, push.ErrNotFound) {
			return nil
		}
		if err == nil {
			out = append(out, Sent{domain, results})
		}
		return err
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, http.StatusOK, out)
}
