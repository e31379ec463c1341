// Package fcm is the provider that pushes through Google's Firebase Cloud
// Messaging (HTTP v1): its credentials, the messages, and what Google's answers
// mean. It also serves the devices of the XMPP API that Google ended.
//
// It makes one attempt for each push; repeating is not its affair.
package fcm

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Config is what a provider bean reads.
type Config struct {
	// ServiceAccountFile is the JSON that Google issues for a service account
	// of the Firebase project.
	ServiceAccountFile string `tdsl:"service-account-file"`
	// ProjectID is the Firebase project; empty: the service account's.
	ProjectID string `tdsl:"project-id"`
	// DryRun lets Google check messages and deliver none.
	DryRun bool `tdsl:"dry-run"`
	// Expiration is how long Google keeps a message for a device that is off; at
	// most 28 days. Calls are kept for seconds.
	Expiration time.Duration `tdsl:"expiration"`
	// RequestTimeout bounds one request.
	RequestTimeout time.Duration `tdsl:"request-timeout"`
	// MaxConcurrent bounds the requests under way.
	MaxConcurrent int `tdsl:"max-concurrent"`
	// Endpoint is another server instead of Google's, as https://HOST[:PORT], where
	// the path, if there is any, stands for Google's /v1.
	Endpoint string `tdsl:"endpoint"`
	// CAFile holds certificates (PEM) that the server's may be signed by, beside
	// the system's.
	CAFile string `tdsl:"ca-file"`
	// Proxy is an HTTP proxy, http://[USER:PASSWORD@]HOST:PORT; empty: that of the
	// environment (HTTPS_PROXY).
	Proxy string `tdsl:"proxy,secret"`
	// Transport is the HTTP/2 in use: default, or standard (golang.org/x/net).
	Transport string `tdsl:"transport,enum"`
	// Aliases are further provider ids under which devices are served.
	Aliases []string `tdsl:"aliases"`
}

// Defaults are the values of properties that a configuration leaves out.
func Defaults() Config {
	return Config{Expiration: maxExpiration, RequestTimeout: 10 * time.Second, MaxConcurrent: 500, Transport: transportDefault}
}

const (
	transportDefault  = "default"
	transportStandard = "standard"
)

// maxExpiration is the longest that Google takes (REST reference, AndroidConfig).
const maxExpiration = 28 * 24 * time.Hour

// check says in a sentence each what is wrong with the values.
func (c *Config) check() error {
	_, err := c.endpoint()
	return errors.Join(
		unless(c.ServiceAccountFile != "", "service-account-file: it is missing: name the JSON file of a service account of the Firebase project (Firebase console, project settings, service accounts)"),
		unless(c.Expiration >= 0 && c.Expiration <= maxExpiration, "expiration: it is a duration from PT0S to P28D"),
		unless(c.RequestTimeout > 0, "request-timeout: it is a duration such as PT10S"),
		unless(c.MaxConcurrent >= 1, "max-concurrent: it is 1 or more"),
		unless(c.Transport == transportDefault || c.Transport == transportStandard, fmt.Sprintf("transport: %q: it is default or standard", c.Transport)),
		err)
}

// unless makes an error when something does not hold.
func unless(holds bool, text string) error {
	if holds {
		return nil
	}
	return errors.New(text)
}

// endpoint is the address that messages go to: up to Google's /v1, whatever of
// the rest was written.
func (c *Config) endpoint() (*url.URL, error) {
	if c.Endpoint == "" {
		return &url.URL{Scheme: "https", Host: "fcm.googleapis.com", Path: "/v1"}, nil
	}
	u, err := webAddress(c.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w such as https://fcm.googleapis.com/v1", err)
	}
	path, _, _ := strings.Cut(u.Path+"/", "/projects/")
	if u.Path = strings.TrimRight(path, "/"); u.Path == "" {
		u.Path = "/v1"
	}
	return u, nil
}

// webAddress is an address of HTTP or HTTPS without a query.
func webAddress(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("it is an address")
	}
	if _, err := strconv.ParseUint(u.Port(), 10, 16); u.Port() != "" && err != nil {
		return nil, errors.New("its port is out of range: it is an address")
	}
	return u, nil
}

// below is a file's name below the installation's folder, unless it is absolute.
func below(home, file string) string {
	if file == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(home, file)
}
