// Package fcmxmpp is the provider that pushes through the XMPP protocol that
// FCM had until 2024 (Google, "FCM XMPP protocol", also called CCS): its
// credentials, the messages, and what the answers mean. Google's own servers no
// longer answer; it is for those that stand in their place.
//
// It makes one attempt for each push; repeating is not its affair. It is an XMPP
// client, on mellium's session.
package fcmxmpp

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"mellium.im/xmpp/jid"
)

// Config is what a provider needs; the first three are those of guide §5.1.
type Config struct {
	SenderID   string // of the Firebase project
	ServerKey  string // of the same; a secret
	PoolSize   int    // connections
	Host       string // empty: Google's, which no longer answers
	Port       int
	Expiration time.Duration // how long a message is kept for a device that is off
	DryRun     bool          // messages are checked and not delivered
	Timeout    time.Duration // for the answer to a message
	Aliases    []string      // further provider ids
}

const (
	// googleHost and DefaultPort are where Google's service was.
	googleHost = "fcm-xmpp.googleapis.com"
	// DefaultPort is the protocol's; Google's test environment had 5236.
	DefaultPort = 5235
	// domain is that of the accounts, wherever the server is.
	domain = "fcm.googleapis.com"
	// maxPool is what Google allowed a sender (FCM documentation, "throttling").
	maxPool = 1000
)

// Ended says why a provider without another host cannot push, and what to do.
const Ended = "Google has ended the XMPP API that sender-id and server-key are for, and " + googleHost + " no longer answers: " +
	"add 'service-account-file', and the devices are reached through HTTP v1 under the same provider id"

// check says in a sentence what is wrong with the values.
func (c *Config) check() error {
	switch {
	case c.Host != "" && (c.SenderID == "" || c.ServerKey == ""):
		return errors.New("sender-id, server-key: one of them is missing")
	case c.PoolSize < 1 || c.PoolSize > maxPool:
		return errors.New("pool-size: it is a number from 1 to 1000")
	case c.Port < 1 || c.Port > 65535:
		return errors.New("port: it is a number from 1 to 65535")
	case c.Timeout <= 0:
		return errors.New("request-timeout: it is a duration such as PT10S")
	}
	if _, err := c.account(); err != nil && c.complete() {
		return fmt.Errorf("sender-id: it is the project's number as the Firebase console shows it: %w", err)
	}
	return nil
}

// complete reports whether there is what a connection needs. Nobody waits for
// that at Google's: without another host it is no mistake.
func (c *Config) complete() bool { return c.SenderID != "" && c.ServerKey != "" }

// account is the JID to log in as.
func (c *Config) account() (jid.JID, error) { return jid.New(c.SenderID, domain, "") }

// address is where to connect, and the name that the certificate is for. The
// host may come with its port.
func (c *Config) address() (address, name string) {
	host := c.Host
	if host == "" {
		host = googleHost
	}
	if h, port, err := net.SplitHostPort(host); err == nil {
		return net.JoinHostPort(h, port), h
	}
	return net.JoinHostPort(host, strconv.Itoa(c.Port)), host
}
