// Package fcm is the provider that pushes through Google's Firebase Cloud
// Messaging (HTTP v1): its credentials, the messages, and what Google's answers
// mean. It also serves the devices of the XMPP API that Google ended.
//
// It makes one attempt for each push; repeating is not its affair.
package fcm

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/oauth2/google"
	"golang.org/x/oauth2/jwt"
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
	// RequestTimeout bounds one request.
	RequestTimeout time.Duration `tdsl:"request-timeout"`
	// MaxConcurrent bounds the requests under way.
	MaxConcurrent int `tdsl:"max-concurrent"`
	// Endpoint is another server instead of Google's, as https://HOST/v1.
	Endpoint string `tdsl:"endpoint"`
	// CAFile holds certificates (PEM) that the server's may be signed by, beside
	// the system's.
	CAFile string `tdsl:"ca-file"`
	// Proxy is an HTTP, HTTPS or SOCKS5 proxy as http://HOST:PORT; empty: that of
	// the environment (HTTPS_PROXY).
	Proxy string `tdsl:"proxy"`
	// Aliases are further provider ids under which devices are served.
	Aliases []string `tdsl:"aliases"`
}

// Defaults are the values of properties that a configuration leaves out.
func Defaults() Config { return Config{RequestTimeout: 10 * time.Second, MaxConcurrent: 500} }

// scope is the right that a token needs (Google, "Authorize send requests").
const scope = "https://www.googleapis.com/auth/firebase.messaging"

// check says in a sentence what is wrong with the values.
func (c *Config) check() error {
	switch {
	case c.ServiceAccountFile == "":
		return errors.New("service-account-file: it is missing: name the JSON file of a service account of the Firebase project (Firebase console, project settings, service accounts)")
	case c.RequestTimeout <= 0:
		return errors.New("request-timeout: it is a duration such as PT10S")
	case c.MaxConcurrent < 1:
		return errors.New("max-concurrent: it is 1 or more")
	}
	if c.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("endpoint: %q: it is an address such as https://fcm.googleapis.com/v1", c.Endpoint)
	}
	return nil
}

// account is a service account.
type account struct {
	project string
	jwt     *jwt.Config
}

// loadAccount reads a service account's file. The errors are sentences for
// admins.
func loadAccount(file, home string) (*account, error) {
	if !filepath.IsAbs(file) {
		file = filepath.Join(home, file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	a, err := parseAccount(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return a, nil
}

func parseAccount(data []byte) (*account, error) {
	var sa struct {
		Type       string `json:"type"`
		ProjectID  string `json:"project_id"`
		PrivateKey string `json:"private_key"`
		Email      string `json:"client_email"`
		TokenURI   string `json:"token_uri"`
	}
	if err := json.Unmarshal(data, &sa); err != nil {
		return nil, errors.New("it is no JSON file as Google issues it")
	}
	if sa.Type != "service_account" {
		return nil, fmt.Errorf("it is of type %q, not service_account", sa.Type)
	}
	for name, value := range map[string]string{"private_key": sa.PrivateKey, "client_email": sa.Email, "token_uri": sa.TokenURI} {
		if value == "" {
			return nil, fmt.Errorf("its %s is missing", name)
		}
	}
	if err := checkKey(sa.PrivateKey); err != nil {
		return nil, fmt.Errorf("its private_key: %w", err)
	}
	config, err := google.JWTConfigFromJSON(data, scope)
	if err != nil {
		return nil, err
	}
	return &account{project: sa.ProjectID, jwt: config}, nil
}
