package ext

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/tpush/tpush/component/xmpp"
)

// Item is one component domain and where its server is, as Tigase's
// "external components" have it.
type Item struct {
	// Domain is the component's address, and the stream's "to".
	Domain string `tdsl:"domain"`
	// Password is the secret shared with the server.
	Password string `tdsl:"password,secret"`
	// Type is seen from the process that uses the list: connect dials; accept
	// is the server's own listener, which is dialled too.
	Type string `tdsl:"type,enum"`
	// Port is the server's component port: Prosody and ejabberd 5347, Tigase
	// often 5270.
	Port int `tdsl:"port"`
	// Host is the address to dial, or "domain;address1;address2…" as in
	// Tigase: the first part is the server's XMPP domain, each address gets its
	// own connections. Empty: the configuration's server-host.
	Host string `tdsl:"host"`
	// Protocol is accept (XEP-0114), also when it is empty.
	Protocol string `tdsl:"protocol"`
	// Socket is plain, also when it is empty, or ssl (TLS from the first byte).
	Socket string `tdsl:"socket,enum"`
	// CAFile holds certificates (PEM) that the server's may be signed by, beside
	// the system's.
	CAFile string `tdsl:"ca-file"`
	// Fingerprint is the SHA-256 (hex) of the server's certificate, for one that
	// nobody has signed, such as Tigase's own.
	Fingerprint string `tdsl:"fingerprint"`

	listen bool // the server dials us
}

const (
	typeConnect = "connect"
	typeAccept  = "accept"
	// configComponent is the role of a process that is itself a component, in
	// whose lists accept means that it listens.
	configComponent = "component"
)

// prepare evens out an item and checks it; listens says that accept means
// listening in its list.
func (i *Item) prepare(listens bool) error {
	i.Domain = strings.ToLower(strings.TrimSpace(i.Domain))
	if i.Type == "" {
		i.Type = typeConnect
	}
	i.listen = listens && i.Type == typeAccept
	return i.check()
}

// UnmarshalText reads Tigase's one-line form:
// domain:password:type:port:remote:protocol:lb-class:socket. Trailing fields
// may be missing; the balancer's class is the server's affair.
func (i *Item) UnmarshalText(text []byte) error {
	f := strings.Split(strings.TrimSpace(string(text)), ":")
	if len(f) < 2 || f[0] == "" {
		return errors.New("a connection item reads domain:password:connect:port:host:accept")
	}
	if len(f) > 8 {
		return fmt.Errorf("a connection item has at most 8 fields between colons, this one has %d (a secret cannot hold a colon: use the form with braces)", len(f))
	}
	f = append(f, make([]string, 8-len(f))...)
	*i = Item{Domain: f[0], Password: f[1], Type: f[2], Host: f[4], Protocol: f[5], Socket: f[7]}
	if f[3] != "" {
		port, err := strconv.Atoi(strings.TrimSpace(f[3]))
		if err != nil {
			return fmt.Errorf("port %q of item %s is no number", f[3], i.Domain)
		}
		i.Port = port
	}
	return nil
}

// check says in a sentence what is wrong with an item.
func (i *Item) check() error {
	switch {
	case i.Domain == "":
		return errors.New("a connection item has no domain")
	case i.Password == "":
		return fmt.Errorf("item %s has no password: it is the secret that the server has for this component", i.Domain)
	case i.Port < 1 || i.Port > 65535:
		return fmt.Errorf("item %s: port %d: give the server's component port (Prosody and ejabberd 5347, Tigase often 5270)", i.Domain, i.Port)
	case i.Protocol == "client" || i.Protocol == "jabber:client":
		return fmt.Errorf("item %s: protocol client (XEP-0225) is not served: use accept (XEP-0114), which every server takes", i.Domain)
	case i.Protocol != "" && i.Protocol != typeAccept && i.Protocol != xmpp.NSAccept:
		return fmt.Errorf("item %s: protocol %q: it is accept (XEP-0114)", i.Domain, i.Protocol)
	case i.Socket == "tls":
		return fmt.Errorf("item %s: socket tls (STARTTLS) is not served: use ssl or plain", i.Domain)
	case i.Socket != "" && i.Socket != "plain" && i.Socket != "ssl":
		return fmt.Errorf("item %s: socket %q: it is plain or ssl", i.Domain, i.Socket)
	case i.listen && i.Socket == "ssl":
		return fmt.Errorf("item %s: socket ssl is not served where this process listens: let it connect (type connect), or use plain on the loopback", i.Domain)
	case i.Type != typeConnect && i.Type != typeAccept:
		return fmt.Errorf("item %s: type %q: it is connect or accept", i.Domain, i.Type)
	}
	return nil
}

// addresses are the host:port pairs to dial.
func (i *Item) addresses(serverHost string) []string {
	port := strconv.Itoa(i.Port)
	if i.Type == typeAccept {
		return []string{net.JoinHostPort(serverHost, port)}
	}
	hosts := strings.Split(i.Host, ";")
	if len(hosts) > 1 {
		hosts = hosts[1:]
	}
	var out []string
	for _, h := range hosts {
		if h = strings.TrimSpace(h); h == "" {
			h = serverHost
		}
		out = append(out, net.JoinHostPort(h, port))
	}
	return out
}
