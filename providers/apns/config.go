// Package apns is the provider that pushes through Apple's push notification
// service: its credentials, the push payloads, and what Apple's answers mean.
//
// It makes one attempt for each push; repeating is not its affair.
package apns

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

// Config is what a provider bean reads. Names and meaning are those of Tigase's
// APNs provider, where it has them.
type Config struct {
	// CertFile is the client certificate with its key: .p12, or PEM. Without it,
	// and without P8File, the certificate is handed over while the program runs
	// (ad-hoc command "Set APNS certificate").
	CertFile string `tdsl:"cert-file"`
	// CertPassword opens CertFile.
	CertPassword string `tdsl:"cert-password,secret"`
	// CertKeyFile is the key (PEM) when it is not in CertFile.
	CertKeyFile string `tdsl:"cert-key-file"`
	// Topic is the app's bundle id. Empty: taken from the certificate.
	Topic string `tdsl:"apns-topic"`
	// PushKitCertFile is a second certificate, for calls.
	PushKitCertFile string `tdsl:"pushkit-cert-file"`
	// PushKitCertPassword opens PushKitCertFile; empty: CertPassword does.
	PushKitCertPassword string `tdsl:"pushkit-cert-password,secret"`
	// P8File is the private key of a team, which is used instead of
	// certificates, also for calls.
	P8File string `tdsl:"p8-file"`
	// P8KeyID is the key's id, as Apple's developer account shows it.
	P8KeyID string `tdsl:"p8-key-id"`
	// P8TeamID is the id of the team that the key is of.
	P8TeamID string `tdsl:"p8-team-id"`
	// Sandbox selects Apple's test environment. Without it a certificate that is
	// for development only selects it.
	Sandbox bool `tdsl:"sandbox"`
	// FallbackToSandbox tries a token that production does not know once on the
	// test environment.
	FallbackToSandbox bool `tdsl:"fallbackToSandbox"`
	// Host is another server, NAME[:PORT], instead of Apple's; https:// in front
	// and / behind it are let pass.
	Host string `tdsl:"host"`
	// CAFile holds certificates (PEM) that the server's may be signed by, beside
	// the system's.
	CAFile string `tdsl:"ca-file"`
	// Proxy is the URL of an HTTP proxy. Empty: that of HTTPS_PROXY.
	Proxy string `tdsl:"proxy,secret"`
	// PoolSize is how many connections are kept to Apple, for messages and for
	// calls each.
	PoolSize int `tdsl:"pool-size"`
	// Transport is the HTTP/2 in use: default, or standard (golang.org/x/net).
	Transport string `tdsl:"transport,enum"`
	// AlertText is shown when a notification has no text of its own.
	AlertText string `tdsl:"alert-text"`
	// Expiration is how long Apple keeps a push for a device that is off; at
	// most 30 days. 0: not at all.
	Expiration time.Duration `tdsl:"expiration"`
	// Format is the push payload's: default, or guide (Tigase's guide §6.1.2
	// to the letter).
	Format string `tdsl:"payload-format,enum"`
	// Aliases are further provider ids under which devices are served.
	Aliases []string `tdsl:"aliases"`
}

const (
	formatDefault = "default"
	formatGuide   = "guide"

	transportDefault  = "default"
	transportStandard = "standard"

	maxExpiration = 30 * 24 * time.Hour
	maxPool       = 16
)

// Defaults are the values of properties that a configuration leaves out.
func Defaults() Config {
	return Config{AlertText: "New message!", Expiration: 7 * 24 * time.Hour, Format: formatDefault,
		Transport: transportDefault, PoolSize: 2}
}

// check says in a sentence each what is wrong with the values.
func (c *Config) check() error {
	return errors.Join(
		unless(c.Format == formatDefault || c.Format == formatGuide, "payload-format: %q: it is default or guide", c.Format),
		unless(c.Transport == transportDefault || c.Transport == transportStandard, "transport: %q: it is default or standard", c.Transport),
		unless(c.PoolSize >= 1 && c.PoolSize <= maxPool, "pool-size: %d: it is a number from 1 to %d; a connection carries hundreds of pushes at a time", c.PoolSize, maxPool),
		unless(c.Expiration >= 0 && c.Expiration <= maxExpiration, "expiration: it is a duration from PT0S to P30D"),
		unless(c.AlertText != "", "alert-text: it is empty: iOS shows no alert without a text"),
		c.checkHost(),
		c.checkKey())
}

// unless makes an error when something does not hold.
func unless(holds bool, format string, args ...any) error {
	if holds {
		return nil
	}
	return fmt.Errorf(format, args...)
}

func (c *Config) checkHost() error {
	server := c.server()
	u, err := url.Parse("https://" + server)
	switch {
	case strings.HasPrefix(strings.ToLower(server), "http://"):
		return fmt.Errorf("host: %q: pushes go over TLS only: write the name with or without :PORT, of a server that speaks HTTPS", c.Host)
	case err != nil || u.Host != server || server == "" && c.Host != "" || server != "" && u.Hostname() == "":
		return fmt.Errorf("host: %q: it is a name with or without :PORT, and nothing else", c.Host)
	}
	return nil
}

// server is Host as it is meant when it was written as a URL.
func (c *Config) server() string {
	const scheme = "https://"
	host := c.Host
	if len(host) > len(scheme) && strings.EqualFold(host[:len(scheme)], scheme) {
		host = host[len(scheme):]
	}
	return strings.TrimSuffix(host, "/")
}

// checkKey sees that all that belongs to a key is there.
func (c *Config) checkKey() error {
	if c.P8File == "" {
		return unless(c.P8KeyID == "" && c.P8TeamID == "", "p8-file: it is missing: name the file AuthKey_….p8 that belongs to p8-key-id and p8-team-id")
	}
	return errors.Join(
		unless(c.P8KeyID != "", "p8-key-id: it is missing: Apple shows it beside the key, and the key's file has it in its name (10 letters and digits)"),
		unless(c.P8TeamID != "", "p8-team-id: it is missing: Apple shows it as Team ID under Membership (10 letters and digits)"),
		unless(c.Topic != "", "apns-topic: it is missing: give the app's bundle id, which a key does not tell"))
}

// Apple's servers.
const (
	hostProduction = "api.push.apple.com:443"
	hostSandbox    = "api.sandbox.push.apple.com:443"
)

// hosts are the servers of the two environments, host:port.
type hosts struct{ production, sandbox string }

// hosts are Apple's, or the configured one for both.
func (c *Config) hosts() hosts {
	if c.Host == "" {
		return hosts{hostProduction, hostSandbox}
	}
	host := c.server()
	if u, err := url.Parse("https://" + host); err == nil && u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "443")
	}
	return hosts{host, host}
}
