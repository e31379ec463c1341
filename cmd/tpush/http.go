package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/component/ext"
	web "github.com/tpush/tpush/component/http"
	"github.com/tpush/tpush/component/push"
	"github.com/tpush/tpush/tdsl"
)

// restConfig is what is read of the rest module.
type restConfig struct {
	// ContextPath stands in front of /push/unregister-device.
	ContextPath string `tdsl:"context-path"`
	// Hosts are the names that are answered for; empty: all.
	Hosts []string `tdsl:"vhosts"`
	// ScriptsDir is where the handler file is looked for, in the folder push.
	ScriptsDir string `tdsl:"rest-scripts-dir"`
	// Unregister opens the endpoint without the handler file, or keeps it shut
	// with it.
	Unregister *bool `tdsl:"push-unregister"`
	// UnknownDevice is the result for a device that is not known: failure or
	// success.
	UnknownDevice string `tdsl:"unknown-device,enum"`
	// PerMinute bounds the requests from one address; 0: no limit.
	PerMinute int `tdsl:"requests-per-minute"`
	// OpenAccess has no effect here: it is of other endpoints, which are the XMPP
	// server's.
	OpenAccess bool `tdsl:"open-access"`
	// Keys has no effect here, likewise.
	Keys tdsl.Value `tdsl:"api-keys"`
}

func restDefaults() restConfig {
	return restConfig{ContextPath: "/rest", ScriptsDir: "scripts/rest", UnknownDevice: "failure", PerMinute: 60}
}

func (cfg *restConfig) check() error {
	if cfg.UnknownDevice != "failure" && cfg.UnknownDevice != "success" {
		return fmt.Errorf("unknown-device: %q: it is failure or success", cfg.UnknownDevice)
	}
	if cfg.PerMinute < 0 {
		return errors.New("requests-per-minute: it is 0 (no limit) or more")
	}
	return nil
}

// enabled reports whether the endpoint is open: its handler file is below the
// folder of scripts, whatever it holds, or the setting says so.
func (cfg *restConfig) enabled(home string) bool {
	if cfg.Unregister != nil {
		return *cfg.Unregister
	}
	// A folder that cannot be read holds nothing for us.
	entries, _ := os.ReadDir(filepath.Join(below(home, cfg.ScriptsDir), "push"))
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return filepath.Ext(e.Name()) == ".groovy" })
}

// managementConfig is what the management connector reads.
type managementConfig struct {
	// Listen is host:port; empty: the connector is off.
	Listen string `tdsl:"listen"`
	// Token is asked for; without one only this machine may listen.
	Token string `tdsl:"token,secret"`
}

func (cfg *managementConfig) check() error {
	if cfg.Listen == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen: %q: write '127.0.0.1:9090'", cfg.Listen)
	}
	if ip := net.ParseIP(host); cfg.Token == "" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("listen: others than this machine could read the status page at %s: set 'token', or listen at 127.0.0.1", cfg.Listen)
	}
	return nil
}

// httpFace is the http bean: what is listened at.
type httpFace struct {
	connectors []*web.Connector
	management *web.Management // nil: off
}

// buildHTTP opens nothing; it says which ports have something to serve.
func buildHTTP(c *beans.Context, home string) (*httpFace, error) {
	rest, err := beans.All[restConfig](c)
	if err != nil {
		return nil, err
	}
	management, err := beans.All[managementConfig](c)
	if err != nil {
		return nil, err
	}
	f := &httpFace{}
	if len(management) > 0 && management[0].Listen != "" {
		if err := f.addManagement(c, management[0]); err != nil {
			return nil, err
		}
	}
	if len(rest) > 0 && rest[0].enabled(home) {
		if err := f.addREST(c, rest[0], home); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// addManagement adds the connector of health, metrics and the status page.
func (f *httpFace) addManagement(c *beans.Context, cfg managementConfig) error {
	p, err := shown(c)
	if err != nil {
		return err
	}
	f.management = web.NewManagement(p, cfg.Token)
	f.connectors = append(f.connectors, &web.Connector{Address: cfg.Listen, Handler: f.management, Log: c.Logger()})
	return nil
}

// shown is what the management connector shows.
func shown(c *beans.Context) (*web.Program, error) {
	components, err := beans.Siblings[*pushBean](c)
	if err != nil {
		return nil, err
	}
	e, err := beans.Named[*ext.Ext](c, "ext")
	if err != nil {
		return nil, err
	}
	defaults, err := beans.Named[store](c, "userRepository/"+defaultStore)
	if err != nil {
		return nil, err
	}
	p := &web.Program{Version: versionText(), Started: time.Now(),
		Store: func(ctx context.Context) error {
			_, err := defaults.devices.ByNode(ctx, "", "") // through the same way as a publish
			return err
		}}
	for _, k := range components {
		s := k.Service()
		p.Components = append(p.Components, web.Component{Name: k.name, Status: s.ProviderStatus, Explain: s.Explain, Entries: s.Journal().Entries, Samples: s.Stats().Samples})
	}
	p.Inside = (&web.Inside{Services: func() map[string]*push.Service { return servedBy(e, components) }}).Handler()
	p.Connections = func() (out []web.Connection) {
		for _, k := range e.Connections() {
			name := ""
			if bound, err := bind([]string{k.Domain}, components); err == nil {
				name = bound[k.Domain].name
			}
			out = append(out, web.Connection{Component: name, Domain: k.Domain, Server: k.Address, Live: k.Live, Connects: k.Connects, Since: k.Since, Single: k.Single,
				TurnedAway: k.TurnedAway, Failure: k.Failure, FailureAt: k.FailureAt})
		}
		return out
	}
	return p, nil
}

// addREST adds the connectors of the REST endpoint.
func (f *httpFace) addREST(c *beans.Context, cfg restConfig, home string) error {
	server, err := beans.Named[*httpServer](c, "httpServer")
	if err != nil {
		return err
	}
	certificates, err := beans.Named[*web.Certificates](c, "certificate-container")
	if err != nil {
		return err
	}
	find, err := services(c)
	if err != nil {
		return err
	}
	endpoint := web.NewREST(web.RESTConfig{
		ContextPath: cfg.ContextPath, Hosts: cfg.Hosts, UnknownDevice: cfg.UnknownDevice,
		PerMinute: cfg.PerMinute, PerAccount: perAccount, Proxies: server.proxies,
	}, find, c.Logger())
	var closed []error
	for _, p := range server.ports {
		k, err := p.open(certificates, server.proxies, endpoint, home, c.Logger())
		if err != nil {
			closed = append(closed, fmt.Errorf("port %d: %w", p.port, err))
			continue
		}
		f.connectors = append(f.connectors, k)
	}
	if len(f.connectors) == 0 {
		return errors.Join(closed...) // nothing is left that this bean could do
	}
	for _, err := range closed {
		c.Logger().Error("a port is not opened", "err", err)
	}
	return nil
}

// perAccount bounds how often a minute a device of one account is asked for:
// apps ask twice at most.
const perAccount = 20

// open makes the port's connector; its certificate has to be there.
func (p *connector) open(certificates *web.Certificates, proxies web.Proxies, h http.Handler, home string, l *slog.Logger) (*web.Connector, error) {
	k := &web.Connector{
		Address: net.JoinHostPort(p.Listen, strconv.Itoa(p.port)), HTTP2: p.HTTP2, Proxies: proxies, Log: l,
		Handler: &web.Redirect{When: p.RedirectWhen, To: p.RedirectTo, Proxies: proxies, Next: h},
	}
	if p.Socket == "plain" {
		return k, nil
	}
	var err error
	k.TLS, err = certificates.Serve(p.Domain, below(home, p.CertFile), below(home, p.KeyFile))
	return k, err
}

// services finds the push component that answers for a service JID: a domain of
// the connections that there are now.
func services(c *beans.Context) (func(service string) (web.Unregisterer, bool), error) {
	components, err := beans.Siblings[*pushBean](c)
	if err != nil {
		return nil, err
	}
	e, err := beans.Named[*ext.Ext](c, "ext")
	if err != nil {
		return nil, err
	}
	return func(service string) (web.Unregisterer, bool) {
		s, ok := servedBy(e, components)[service]
		return s, ok
	}, nil
}

// Run serves until ctx ends.
func (f *httpFace) Run(ctx context.Context) error {
	errs := make([]error, len(f.connectors))
	var all sync.WaitGroup
	if f.management != nil {
		all.Go(func() { f.management.Run(ctx) })
	}
	for i, k := range f.connectors {
		all.Go(func() { errs[i] = k.Run(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}
