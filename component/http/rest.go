package http

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/tpush/tpush/component/push"
	"mellium.im/xmpp/jid"
)

// Unregisterer removes devices for whoever knows their token.
type Unregisterer interface {
	// Revoke removes an account's device. It reports whether the device is
	// gone: removed now, or lately; false for one that is not known, and for an
	// unknown provider. The error means that it could not be looked up.
	Revoke(ctx context.Context, service string, account jid.JID, r push.Registration) (bool, error)
}

// RESTConfig says how the endpoint answers.
type RESTConfig struct {
	ContextPath   string   // in front of /push/unregister-device
	Hosts         []string // that are answered for; empty: all
	UnknownDevice string   // result for a device that is not known: failure or success
	PerMinute     int      // requests from one address; 0: no limit
	PerAccount    int      // requests a minute for one account; 0: no limit
	Proxies       Proxies
}

// REST is the endpoint of the guide's section 6.2: unregistering a device
// without a login. Everything a caller does wrong is answered with 404 and no
// reason, as the guide has it: only authors of clients should find their way.
type REST struct {
	cfg      RESTConfig
	find     func(service string) (Unregisterer, bool)
	address  *rate
	account  *rate
	prefixes []string
	log      *slog.Logger
}

// unregisterPath is the endpoint's, below the context path.
const unregisterPath = "/push/unregister-device"

// The results of the guide.
const (
	resultSuccess = "success"
	resultFailure = "failure"
)

// NewREST returns the endpoint. Find returns what answers for a service JID.
func NewREST(cfg RESTConfig, find func(service string) (Unregisterer, bool), l *slog.Logger) *REST {
	return &REST{cfg: cfg, find: find, log: l, address: newRate(cfg.PerMinute), account: newRate(cfg.PerAccount),
		// Siskin asks for the second one first, and for the guide's when the
		// answer is no JSON.
		prefixes: []string{path.Join("/", cfg.ContextPath, unregisterPath) + "/", unregisterPath[len("/push"):] + "/"}}
}

// ServeHTTP answers one request.
func (h *REST) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service, ok := h.service(r)
	if !ok {
		text(w, http.StatusNotFound)
		return
	}
	devices, ok := h.find(service)
	if !ok || r.Method != http.MethodPost {
		text(w, http.StatusNotFound)
		return
	}
	from := h.cfg.Proxies.client(r)
	if !h.address.allow(network(from), time.Now()) {
		h.refuse(w, from, "address")
		return
	}
	if r.ContentLength > maxBody {
		text(w, http.StatusNotFound) // before a client is asked to send it
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		text(w, http.StatusNotFound)
		return
	}
	u, err := parseUnregistration(body)
	if err != nil {
		h.log.Debug("unregistration refused", "from", from, "err", err)
		text(w, http.StatusNotFound)
		return
	}
	if !h.account.allow(u.account.String(), time.Now()) {
		h.refuse(w, from, "account")
		return
	}
	h.unregister(w, r, devices, service, u)
}

// service reads the service JID out of the path: a domain, perhaps with a local
// part, that ends it. The path is looked at as it was sent, so that nothing that
// a proxy or a mux makes of .. and // can lead here.
func (h *REST) service(r *http.Request) (string, bool) {
	if host, _, err := net.SplitHostPort(r.Host); len(h.cfg.Hosts) > 0 {
		if err != nil {
			host = r.Host
		}
		if !slices.ContainsFunc(h.cfg.Hosts, func(v string) bool { return strings.EqualFold(v, host) }) {
			return "", false
		}
	}
	for _, prefix := range h.prefixes {
		rest, ok := strings.CutPrefix(r.URL.EscapedPath(), prefix)
		if !ok {
			continue
		}
		last, err := url.PathUnescape(rest)
		if err != nil {
			return "", false
		}
		j, err := jid.Parse(last)
		if err != nil || j.Localpart() != "" || j.Resourcepart() != "" {
			return "", false
		}
		return j.Domainpart(), true
	}
	return "", false
}

func (h *REST) unregister(w http.ResponseWriter, r *http.Request, devices Unregisterer, service string, u unregistration) {
	gone, err := devices.Revoke(r.Context(), service, u.account, u.device)
	if err != nil {
		h.log.Error("a device could not be unregistered over HTTP", "account", u.account, "provider", u.device.Provider, "err", err)
		text(w, http.StatusInternalServerError)
		return
	}
	result := resultSuccess
	if !gone {
		result = h.cfg.UnknownDevice
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	// A client that is gone needs no answer.
	_, _ = io.WriteString(w, `{"result":"`+result+`"}`)
}

// refuse answers a caller that asks too often.
func (h *REST) refuse(w http.ResponseWriter, from netip.Addr, why string) {
	h.log.Debug("too many requests", "from", from, "limit", why)
	w.Header().Set("Retry-After", "60")
	text(w, http.StatusTooManyRequests)
}
