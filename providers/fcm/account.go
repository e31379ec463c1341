package fcm

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"golang.org/x/oauth2/google"
	"golang.org/x/oauth2/jwt"
)

// scope is the right that a token needs (Google, "Authorize send requests").
const scope = "https://www.googleapis.com/auth/firebase.messaging"

// account is a service account.
type account struct {
	project string
	jwt     *jwt.Config
}

// loadAccount reads a service account's file. The errors are sentences for
// admins.
func loadAccount(file, home string) (*account, error) {
	file = below(home, file)
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
		return nil, fmt.Errorf("it is of type %q, not service_account: the app's google-services.json is another file", sa.Type)
	}
	if sa.Email == "" {
		return nil, errors.New("its client_email is missing")
	}
	if err := checkKey(sa.PrivateKey); err != nil {
		return nil, fmt.Errorf("its private_key: %w", err)
	}
	if sa.TokenURI != "" {
		if _, err := webAddress(sa.TokenURI); err != nil {
			return nil, fmt.Errorf("its token_uri: %w such as https://oauth2.googleapis.com/token", err)
		}
	}
	config, err := google.JWTConfigFromJSON(data, scope)
	if err != nil {
		return nil, err
	}
	return &account{project: sa.ProjectID, jwt: config}, nil
}

// checkKey sees that a service account's key can be used.
func checkKey(text string) error {
	if text == "" {
		return errors.New("it is missing")
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return errors.New("it is no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		if _, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
			return errors.New("it cannot be read")
		}
		return nil
	}
	if _, ok := key.(*rsa.PrivateKey); !ok {
		return errors.New("it is no RSA key")
	}
	return nil
}
