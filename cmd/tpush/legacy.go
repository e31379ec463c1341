package main

import (
	"fmt"
	"path/filepath"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/fcm"
	"github.com/tpush/tpush/providers/fcmxmpp"
	"github.com/tpush/tpush/providers/h2"
)

// legacyConfig is what a provider bean for Google's ended XMPP API reads: what
// HTTP v1 takes, and what guide §5.1 has.
type legacyConfig struct {
	fcm.Config
	// SenderID is the number of the Firebase project, for a server in Google's
	// place: Google's own has ended. Without 'host' it has no effect.
	SenderID string `tdsl:"sender-id"`
	// ServerKey is the project's key of the ended API, likewise.
	ServerKey string `tdsl:"server-key,secret"`
	// PoolSize is how many connections there are.
	PoolSize int `tdsl:"pool-size"`
	// Host speaks the XMPP protocol in Google's place.
	Host string `tdsl:"host"`
	// Port is where Host listens.
	Port int `tdsl:"port"`
}

func legacyDefaults() legacyConfig {
	return legacyConfig{Config: fcm.Defaults(), PoolSize: 1, Port: fcmxmpp.DefaultPort}
}

// buildLegacy makes the provider of the devices of the XMPP API. With a service
// account they are reached through HTTP v1, under the same provider id; without
// one, the XMPP protocol is spoken, which Google's own servers no longer do.
func buildLegacy(c *beans.Context, cfg legacyConfig, home string, quotas *fcm.Quotas) (providers.Provider, error) {
	if cfg.ServiceAccountFile != "" {
		return fcm.New(c.Name(), cfg.Config, home, quotas, c.Logger())
	}
	file := cfg.CAFile
	if file != "" && !filepath.IsAbs(file) {
		file = filepath.Join(home, file)
	}
	roots, err := h2.Roots(file)
	if err != nil {
		return nil, fmt.Errorf("ca-file: %w", err)
	}
	return fcmxmpp.New(c.Name(), fcmxmpp.Config{
		SenderID: cfg.SenderID, ServerKey: cfg.ServerKey, PoolSize: cfg.PoolSize, Host: cfg.Host, Port: cfg.Port,
		Expiration: cfg.Expiration, DryRun: cfg.DryRun, Timeout: cfg.RequestTimeout, Aliases: cfg.Aliases,
	}, roots, c.Logger())
}
