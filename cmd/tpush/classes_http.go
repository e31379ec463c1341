package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/tpush/tpush/beans"
	web "github.com/tpush/tpush/component/http"
	"github.com/tpush/tpush/tdsl"
)

// connectorConfig is what a port of the HTTP server reads; the bean's name is
// the port.
type connectorConfig struct {
	// Socket is plain, or ssl for TLS (tls means the same).
	Socket string `tdsl:"socket,enum"`
	// Domain whose certificate is used; empty: that of the name a client asks for.
	Domain string `tdsl:"domain"`
	// CertFile is a certificate of the connector's own, as PEM.
	CertFile string `tdsl:"cert-file"`
	// KeyFile is its key, as PEM; empty: it is in CertFile.
	KeyFile string `tdsl:"cert-key-file"`
	// HTTP2 offers HTTP/2 beside HTTP/1.1, with TLS only.
	HTTP2 bool `tdsl:"use-http2"`
	// Listen is the address to listen at; empty: all of the machine's.
	Listen string `tdsl:"listen"`
	// RedirectWhen says who is sent elsewhere: clients of http, of https, always
	// or never.
	RedirectWhen string `tdsl:"redirectCondition,enum"`
	// RedirectTo is where they are sent.
	RedirectTo string `tdsl:"redirectUri"`
}

// connector is a port of the HTTP server. It is opened when there is something
// to serve.
type connector struct {
	port int
	connectorConfig
}

// portsConfig is what says which ports there are besides those with a block.
type portsConfig struct {
	// Ports are opened besides those with a block of their own. Without it: 8080.
	Ports []int `tdsl:"ports,alias=ports"`
}

// portList are the connectors of an HTTP server.
type portList []*connector

// httpServerConfig is what the httpServer bean reads.
type httpServerConfig struct {
	portsConfig
	// TrustedProxies are addresses and networks whose X-Forwarded-… headers
	// are believed.
	TrustedProxies []string `tdsl:"trusted-proxies"`
}

// httpServer is the HTTP server: its ports, and who speaks for others.
type httpServer struct {
	ports   portList
	proxies web.Proxies
}

// certificatesConfig is what is read of Tigase's certificate-container.
type certificatesConfig struct {
	// Dirs are folders with a certificate for each domain, DOMAIN.pem.
	Dirs []string `tdsl:"ssl-certs-location"`
	// Default is the domain whose certificate is used for others.
	Default string `tdsl:"ssl-def-cert-domain"`
	// Files are certificates of domains that are elsewhere.
	Files map[string]string `tdsl:"custom-certificates"`
	// Trusted has no effect here: it is the XMPP server's.
	Trusted []string `tdsl:"trusted-certs-dir"`
	// NoSNI has no effect here.
	NoSNI bool `tdsl:"sni-disable"`
}

// executorConfig is what the JDK's HTTP server reads, which this one is not.
type executorConfig struct {
	// Threads has no effect here.
	Threads int `tdsl:"threads"`
	// Request has no effect here.
	Request tdsl.Value `tdsl:"request-timeout"`
	// Accept has no effect here.
	Accept tdsl.Value `tdsl:"accept-timeout"`
}

// defaultPort is the one that Tigase opens when the configuration names none.
const defaultPort = 8080

// httpClasses are the classes of the HTTP side.
func httpClasses(home string) []beans.Class {
	return []beans.Class{
		beans.Define("HTTP server", httpServerConfig{TrustedProxies: []string{"127.0.0.1", "::1"}}, buildHTTPServer, beans.Default("", "httpServer"),
			beans.Alias("tigase.http.jetty.JettyStandaloneHttpServer", "tigase.http.java.JavaStandaloneHttpServer"), beans.Children("HTTP connector")),
		beans.Define("HTTP connections", portsConfig{}, buildPorts, beans.Default("HTTP server", "connections"), beans.Children("HTTP connector")),
		beans.Define("HTTP connector", connectorConfig{Socket: "plain", HTTP2: true, RedirectWhen: "never"}, buildConnector),
		beans.Define("HTTP executor", executorConfig{}, func(*beans.Context, executorConfig) (none, error) { return none{}, nil },
			beans.For("HTTP server", "executor")),
		beans.Define("certificates", certificatesConfig{Dirs: []string{"certs"}, Default: "default"}, func(_ *beans.Context, cfg certificatesConfig) (*web.Certificates, error) {
			return buildCertificates(cfg, home), nil
		}, beans.Default("", "certificate-container")),

		beans.Define("http", none{}, func(c *beans.Context, _ none) (*httpFace, error) { return buildHTTP(c, home) }, beans.Default("", "http"),
			beans.Alias("tigase.http.HttpMessageReceiver")),
		beans.Define("http rest", restDefaults(), func(_ *beans.Context, cfg restConfig) (restConfig, error) { return cfg, cfg.check() },
			beans.Default("http", "rest"), beans.Alias("tigase.http.modules.rest.RestModule")),
		beans.Define("http management", managementConfig{}, func(_ *beans.Context, cfg managementConfig) (managementConfig, error) { return cfg, cfg.check() },
			beans.Default("http", "management")),
	}
}

func buildConnector(c *beans.Context, cfg connectorConfig) (*connector, error) {
	port, err := strconv.Atoi(c.Name())
	if err != nil || port < 1 || port > 65535 {
		return nil, fmt.Errorf("'%s' is no port: the name of this block is the port to listen at, such as 8443", c.Name())
	}
	if !slices.Contains([]string{"plain", "ssl", "tls"}, cfg.Socket) {
		return nil, fmt.Errorf("socket: %q: it is plain or ssl", cfg.Socket)
	}
	if !slices.Contains([]string{"never", "http", "https", "always"}, cfg.RedirectWhen) {
		return nil, fmt.Errorf("redirectCondition: %q: it is never, http, https or always", cfg.RedirectWhen)
	}
	return &connector{port, cfg}, nil
}

// buildPorts joins the ports of the list with those that have a block; a block
// that is switched off takes its port out.
func buildPorts(c *beans.Context, cfg portsConfig) (portList, error) {
	out, err := beans.All[*connector](c)
	if err != nil {
		return nil, err
	}
	if cfg.Ports == nil {
		cfg.Ports = []int{defaultPort}
	}
	for _, port := range cfg.Ports {
		name := strconv.Itoa(port)
		if slices.Contains(c.Left(), name) || slices.ContainsFunc(out, func(k *connector) bool { return k.port == port }) {
			continue
		}
		out = append(out, &connector{port, connectorConfig{Socket: "plain"}})
	}
	return out, nil
}

func buildHTTPServer(c *beans.Context, cfg httpServerConfig) (*httpServer, error) {
	proxies, err := web.ParseProxies(cfg.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("trusted-proxies: %w", err)
	}
	own, err := beans.All[*connector](c)
	if err != nil {
		return nil, err
	}
	listed, err := beans.All[portList](c)
	if err != nil {
		return nil, err
	}
	s := &httpServer{ports: own, proxies: proxies}
	for _, l := range listed {
		for _, k := range l {
			if !slices.ContainsFunc(s.ports, func(o *connector) bool { return o.port == k.port }) {
				s.ports = append(s.ports, k)
			}
		}
	}
	return s, nil
}

func buildCertificates(cfg certificatesConfig, home string) *web.Certificates {
	c := &web.Certificates{Default: cfg.Default, Files: map[string]string{}}
	for _, dir := range cfg.Dirs {
		c.Dirs = append(c.Dirs, below(home, dir))
	}
	for domain, file := range cfg.Files {
		c.Files[domain] = below(home, file)
	}
	return c
}

// below is a file's name, below home when it is relative; an empty one stays.
func below(home, file string) string {
	if file == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(home, file)
}
