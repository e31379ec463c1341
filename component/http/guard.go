package http

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// guard lets in who knows the token: in the header Authorization: Bearer, or as
// a cookie, which the login form and ?token= set. Without a token it lets in
// everyone who can reach the address, which is this machine's own then; a
// browser must have been sent there by its user, not by a page whose name was
// made to lead to this machine (DNS rebinding).
type guard struct {
	token  string
	cookie string // value; it does not reveal the token
	tries  *rate
}

const (
	cookieName = "tpush"
	// triesPerMinute is how often one address may be wrong about the token.
	triesPerMinute = 10
	cookieAge      = 30 * 24 * time.Hour
)

func newGuard(token string) *guard {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("status page"))
	return &guard{token: token, cookie: hex.EncodeToString(mac.Sum(nil)), tries: newRate(triesPerMinute)}
}

// allows reports whether a request may see what is behind the guard.
func (g *guard) allows(r *http.Request) bool {
	if g.token == "" {
		return localName(r.Host)
	}
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return same(bearer, g.token)
	}
	c, err := r.Cookie(cookieName)
	return err == nil && same(c.Value, g.cookie)
}

// same compares in a time that does not depend on where the texts differ.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// localName reports whether a Host header can only mean this machine: an address
// or localhost.
func localName(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	_, err = netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil || strings.EqualFold(name, "localhost")
}

// login takes a token, from the form or of ?token=, and lets the browser in for
// 30 days. It reports whether the token is right; wrong ones are slowed down.
func (g *guard) login(w http.ResponseWriter, r *http.Request, token string) bool {
	if g.token == "" || !g.tries.allow(network(addressOf(r.RemoteAddr)), time.Now()) || !same(token, g.token) {
		return false
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: g.cookie, Path: "/", MaxAge: int(cookieAge.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"})
	return true
}

// withoutToken is the address of a request, but for the token.
func withoutToken(u *url.URL) string {
	q := u.Query()
	q.Del("token")
	out := url.URL{Path: "/" + strings.TrimLeft(u.Path, "/"), RawQuery: q.Encode()}
	return out.String()
}
