package http

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the addresses that may say in X-Forwarded-… headers who they ask
// for. From anyone else these headers are not looked at.
type Proxies []netip.Prefix

// ParseProxies reads addresses and networks (10.0.0.0/8).
func ParseProxies(texts []string) (out Proxies, err error) {
	for _, s := range texts {
		s = strings.TrimSpace(s)
		if ip, err := netip.ParseAddr(s); err == nil {
			out = append(out, netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("%q is no address and no network: write 192.0.2.1 or 10.0.0.0/8", s)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

func (p Proxies) trusted(ip netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(ip) {
			return true
		}
	}
	return false
}

// addressOf reads the address out of host:port, an address alone, or the
// [address] of a header; the zero value when there is none.
func addressOf(s string) netip.Addr {
	s = strings.TrimSpace(s)
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	ip, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return ip.Unmap().WithZone("")
}

// client is who a request comes from: the last address of X-Forwarded-For that
// no trusted proxy has, as anything before it is whatever the client says.
func (p Proxies) client(r *http.Request) netip.Addr {
	ip := addressOf(r.RemoteAddr)
	if !p.trusted(ip) {
		return ip
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop := addressOf(hops[i])
		if !hop.IsValid() {
			return ip
		}
		if ip = hop; !p.trusted(ip) {
			return ip
		}
	}
	return ip
}

// origin is the scheme and host that the client wrote.
func (p Proxies) origin(r *http.Request) (scheme, host string) {
	scheme, host = "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if !p.trusted(addressOf(r.RemoteAddr)) {
		return scheme, host
	}
	if s := strings.ToLower(lastOf(r.Header.Values("X-Forwarded-Proto"))); s == "http" || s == "https" {
		scheme = s
	}
	if h := lastOf(r.Header.Values("X-Forwarded-Host")); h != "" {
		host = h
	}
	return scheme, host
}

// lastOf is the last part of a list header: what the nearest proxy wrote.
func lastOf(values []string) string {
	all := strings.Split(strings.Join(values, ","), ",")
	return strings.TrimSpace(all[len(all)-1])
}

// network is what limits count an address by: an IPv6 user has a /64.
func network(ip netip.Addr) string {
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return ip.String()
	}
	return prefix.String()
}
