// Package apns is the provider that pushes through Apple's push notification
// service: its credentials, the push payloads, and what Apple's answers mean.
//
// It makes one attempt for each push; repeating is not its affair.
package apns

import (
	"errors"
	"fmt"
	"net/url"
	"time"
)

// Config is what a provider bean reads. Names and meaning are those of Tigase's
// APNs provider, where it has them.
type Config struct {
	// CertFile is the client certificate with its key: .p12, or PEM.
	CertFile     string `tdsl:"cert-file"`
	CertPassword string `tdsl:"cert-password,secret"`
	// CertKeyFile is the key (PEM) when it is not in CertFile.
	CertKeyFile string `tdsl:"cert-key-file"`
	// Topic is the app's bundle id. Empty: taken from the certificate.
	Topic string `tdsl:"apns-topic"`
	// PushKitCertFile is a second certificate, for calls.
	PushKitCertFile     string `tdsl:"pushkit-cert-file"`
	PushKitCertPassword string `tdsl:"pushkit-cert-password,secret"` // empty: CertPassword
	// Sandbox selects Apple's test environment. Without it a certificate that is
	// for development only selects it.
	Sandbox bool `tdsl:"sandbox"`
	// FallbackToSandbox tries a token that production does not know once on the
	// test environment.
	FallbackToSandbox bool `tdsl:"fallbackToSandbox"`
	// Host is another server, NAME[:PORT], instead of Apple's.
	Host string `tdsl:"host"`
	// CAFile holds certificates (PEM) that the server's may be signed by, beside
	// the system's.
	CAFile string `tdsl:"ca-file"`
	// AlertText is shown when a notification has no text of its own.
	AlertText string `tdsl:"alert-text"`
	// Expiration is how long Apple keeps a push for a device that is off; at
	// most 30 days.
	Expiration time.Duration `tdsl:"expiration"`
	// Format is the push payload's: default, or guide (Tigase's guide §6.1.2
	// to the letter).
	Format string `tdsl:"payload-format"`
	// Aliases are further provider ids under which devices are served.
	Aliases []string `tdsl:"aliases"`
}

const (
	formatDefault = "default"
	formatGuide   = "guide"

	maxExpiration = 30 * 24 * time.Hour
)

// Defaults are the values of properties that a configuration leaves out.
func Defaults() Config {
	return Config{AlertText: "New message!", Expiration: 7 * 24 * time.Hour, Format: formatDefault}
}

// check says in a sentence what is wrong with the values.
func (c *Config) check() error {
	switch {
	case c.CertFile == "":
		return errors.New("cert-file: it is missing: name the certificate (.p12 or PEM) that Apple issued for the app")
	case c.Format != formatDefault && c.Format != formatGuide:
		return fmt.Errorf("payload-format: %q: it is default or guide", c.Format)
	case c.Expiration < 0 || c.Expiration > maxExpiration:
		return errors.New("expiration: it is a duration from PT0S to P30D")
	}
	if u, err := url.Parse("https://" + c.Host); err != nil || u.Host != c.Host || c.Host != "" && u.Hostname() == "" {
		return fmt.Errorf("host: %q: it is a name with or without :PORT, and nothing else", c.Host)
	}
	return nil
}
