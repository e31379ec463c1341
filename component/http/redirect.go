package http

import (
	"net"
	"net/http"
	"strings"
)

// Redirect sends clients of one scheme elsewhere, as a connector of Tigase's
// HTTP server does with redirectCondition and redirectUri.
type Redirect struct {
	When    string // never, http, https, always: the scheme that the client used
	To      string // {host} is the host that the client asked for; path and query are added
	Proxies Proxies
	Next    http.Handler // of those who stay
}

// ServeHTTP answers one request.
func (h *Redirect) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	scheme, host := h.Proxies.origin(r)
	if h.To == "" || h.When != "always" && h.When != scheme {
		h.Next.ServeHTTP(w, r)
		return
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	to := strings.TrimSuffix(strings.ReplaceAll(h.To, "{host}", host), "/") + r.URL.EscapedPath()
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", to)
	// Keeps the method and the body, as the endpoint is a POST.
	text(w, http.StatusTemporaryRedirect)
}
