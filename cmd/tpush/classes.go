package main

import (
	"context"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/component/ext"
	"github.com/tpush/tpush/component/push"
	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/apns"
	"github.com/tpush/tpush/providers/fcm"
	"github.com/tpush/tpush/repository"
)

// none is the configuration of beans that have no properties.
type none struct{}

// repositoryConfig is what a userRepository bean reads.
type repositoryConfig struct {
	// DataSource names the data source; empty: the one of the bean's own name.
	DataSource string `tdsl:"dataSourceName,alias=data-source"`
}

// store is a userRepository bean. Users' data are in the one that serves their
// domain, devices and services' data in the default one.
type store struct {
	devices *repository.Devices // of the default one
	users   *repository.Users
}

// Run implements beans.Runner.
func (s store) Run(ctx context.Context) error {
	if s.devices == nil {
		return nil
	}
	return s.devices.Run(ctx)
}

// Close closes what is kept open.
func (s store) Close() error {
	if s.devices == nil {
		return nil
	}
	return s.devices.Close()
}

// ofComponents are properties that every component has in Tigase.
var ofComponents = []string{
	"max-queue-size", "processing-in-threads", "processing-out-threads", "scheduler-threads", "packet-delivery-retry-count",
	"priority-queue-implementation", "scripts-dir", "trusted", "compId", "defHostname",
}

// classes is the table of all classes: the only place that knows them by name.
// Relative file names in configurations are below home.
func classes(home string) []beans.Class {
	quotas := fcm.NewQuotas()
	return append(httpClasses(home), []beans.Class{
		beans.Define("data sources", none{}, func(*beans.Context, none) (none, error) { return none{}, nil },
			beans.Default("", "dataSource"), beans.Children("data source")),
		beans.Define("data source", repository.Defaults(), func(c *beans.Context, cfg repository.Config) (*repository.DataSource, error) {
			return repository.Open(c.Name(), cfg, home, c.Logger())
		}, beans.Default("data sources", "default"), beans.Alias("tigase.db.beans.DataSourceBean$DataSourceMDConfigBean")),

		beans.Define("user repositories", none{}, func(*beans.Context, none) (none, error) { return none{}, nil },
			beans.Default("", "userRepository"), beans.Children("user repository")),
		beans.Define("user repository", repositoryConfig{}, buildStore, beans.Default("user repositories", "default")),

		beans.Define("logging", defaultLogging(), func(_ *beans.Context, cfg logConfig) (none, error) {
			_, err := cfg.levels() // the log itself is open before anything is built
			return none{}, err
		}, beans.Default("", "logging")),

		beans.Define("push", push.Defaults(), buildPush, beans.For("", "push"), beans.Critical(), beans.Ignores(ofComponents...),
			beans.Alias("tigase.push.PushNotificationsComponent")),
		beans.Define("APNs provider", apns.Defaults(), func(c *beans.Context, cfg apns.Config) (*apns.Provider, error) {
			return apns.New(c.Name(), cfg, home, c.Logger())
		}, beans.For("push", "apns-binary-api"), beans.Alias("tigase.push.apns.APNsBinaryApiProvider")),
		beans.Define("FCM provider", fcm.Defaults(), func(c *beans.Context, cfg fcm.Config) (*fcm.Provider, error) {
			return fcm.New(c.Name(), cfg, home, quotas, c.Logger())
		}, beans.For("push", "fcm-http-v1"), beans.Alias("tigase.push.fcm.FcmHttpV1Provider")),
		beans.Define("FCM provider (XMPP id)", legacyDefaults(), func(c *beans.Context, cfg legacyConfig) (providers.Provider, error) {
			return buildLegacy(c, cfg, home, quotas)
		}, beans.For("push", "fcm-xmpp-api"), beans.Alias("tigase.push.fcm.FcmXmppApiProvider")),

		beans.Define("ext", ext.Defaults(), func(c *beans.Context, cfg ext.Config) (*ext.Ext, error) {
			return buildExt(c, cfg, home)
		}, beans.Default("", "ext"), beans.Critical(), beans.Ignores(ofComponents...), beans.Alias("tigase.server.ext.ComponentProtocol")),
		beans.Define("list of connection items", itemsConfig{}, func(_ *beans.Context, cfg itemsConfig) (itemsConfig, error) { return cfg, nil },
			beans.For("ext", "repository"), beans.Alias("tigase.server.ext.ServerCompDBRepository", "tigase.server.ext.CompCompDBRepository")),
	}...)
}

// defaultStore is the user repository of all domains that have none of their
// own, and of services.
const defaultStore = "default"

func buildStore(c *beans.Context, cfg repositoryConfig) (store, error) {
	name := cfg.DataSource
	if name == "" {
		name = c.Name()
	}
	ds, err := beans.Named[*repository.DataSource](c, "dataSource/"+name)
	if err != nil {
		return store{}, err
	}
	s := store{users: repository.NewUsers(ds)}
	if c.Name() == defaultStore {
		ds.Use(repository.UserTables)
		s.devices = repository.NewDevices(ds, c.Logger())
	}
	return s, nil
}

func buildPush(c *beans.Context, cfg push.Config) (*pushBean, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	defaults, err := beans.Named[store](c, "userRepository/"+defaultStore)
	if err != nil {
		return nil, err
	}
	all, err := beans.All[providers.Provider](c)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 && !c.Broken() {
		c.Logger().Warn("no provider: devices cannot be registered; add 'apns-binary-api' () { … } or 'fcm-http-v1' () { … } to this block")
	}
	set, err := providers.NewSet(c.Logger(), providers.DefaultOptions(), all...)
	if err != nil {
		return nil, err
	}
	service := push.NewService(push.Parts{Name: c.Name(), Devices: defaults.devices, Providers: set,
		Certificates: repository.NewCertificates(defaults.users), Log: c.Logger()}, cfg)
	return &pushBean{Component: push.NewComponent(service, cfg, versionText(), c.Logger()), name: c.Name(), domain: cfg.Domain, vhosts: cfg.VirtualHosts, log: c.Logger()}, nil
}

func buildExt(c *beans.Context, cfg ext.Config, home string) (*ext.Ext, error) {
	lists, err := itemLists(c, cfg)
	if err != nil {
		return nil, err
	}
	e, err := ext.New(cfg, home, c.Logger(), lists...)
	if err != nil {
		return nil, err
	}
	components, err := beans.Siblings[*pushBean](c)
	if err != nil {
		return nil, err
	}
	if _, err := bind(e.Domains(), components); err != nil {
		return nil, err
	}
	for _, p := range components {
		p.Service().SendThrough(e, func() string { return firstDomain(p, e.Domains(), components) })
	}
	e.TellDomains(func(ctx context.Context, domains []string) {
		for _, p := range components {
			p.Service().TellStrays(ctx, domains)
		}
	})
	e.Route(func(domain string) (ext.Handler, error) {
		bound, err := bind([]string{domain}, components)
		return bound[domain], err
	})
	return e, nil
}
