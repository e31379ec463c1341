package http

import (
	"context"
	"net/http"
	"strings"
)

// Management is the connector for those who run the program: /healthz, /readyz,
// /metrics, the status page at /, and what it shows as JSON.
type Management struct {
	program *Program
	guard   *guard
	history *history
	page    *page
	mux     *http.ServeMux
}

// NewManagement returns what the management connector serves. An empty token
// means that whoever reaches the address may look.
func NewManagement(p *Program, token string) *Management {
	m := &Management{program: p, guard: newGuard(token), history: &history{program: p}, mux: http.NewServeMux()}
	m.page = newPage(p, m.history)
	m.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK) })
	m.mux.HandleFunc("GET /readyz", m.readyz)
	m.mux.Handle("GET /metrics", m.guarded(metrics(p)))
	m.mux.Handle("GET /live", m.guarded(http.HandlerFunc(m.page.live)))
	m.mux.Handle("GET /{$}", m.guarded(http.HandlerFunc(m.page.show)))
	m.mux.HandleFunc("POST /login", m.login)
	if p.Inside != nil {
		m.mux.Handle("GET "+PathExplain, m.guarded(p.Inside))
		m.mux.Handle("GET "+PathStatus, m.guarded(p.Inside))
	}
	return m
}

// Run keeps the history of the last hour until ctx ends.
func (m *Management) Run(ctx context.Context) { m.history.run(ctx) }

// ServeHTTP answers one request.
func (m *Management) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if _, pattern := m.mux.Handler(r); pattern == "" {
		text(w, http.StatusNotFound)
		return
	}
	m.mux.ServeHTTP(w, r)
}

// guarded lets only those in who may look; a browser gets the form.
func (m *Management) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := r.URL.Query().Get("token"); token != "" && m.guard.token != "" {
			if !m.guard.login(w, r, token) {
				m.page.login(w, true)
				return
			}
			// The token leaves the address bar and what is made of it.
			http.Redirect(w, r, withoutToken(r.URL), http.StatusSeeOther)
			return
		}
		switch {
		case m.guard.allows(r):
			next.ServeHTTP(w, r)
		case m.guard.token == "":
			// An address that is not ours by name: DNS rebinding, or a proxy.
			http.Error(w, "Without 'token' this page answers only to localhost and to addresses: set one in the management block.", http.StatusMisdirectedRequest)
		case strings.Contains(r.Header.Get("Accept"), "text/html"):
			m.page.login(w, false)
		default:
			w.Header().Set("WWW-Authenticate", "Bearer")
			text(w, http.StatusUnauthorized)
		}
	})
}

// login takes the form.
func (m *Management) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if !m.guard.login(w, r, r.PostFormValue("token")) {
		m.page.login(w, true)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
