package apns

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	// tokenSlot is how long a provider token is used; Apple wants a new one after
	// 20 to 60 minutes.
	tokenSlot = 30 * time.Minute
	// tokenMargin is how old a token is at its first use, so that a clock that is
	// a little fast makes none that is from the future.
	tokenMargin = time.Minute
	// tokenLife is the age up to which Apple's refusal of a new token makes us
	// stay with an old one.
	tokenLife = 55 * time.Minute
	// clockError is the difference from Apple's clock that is corrected.
	clockError = 2 * time.Minute
)

// tokens makes the provider tokens (JWT, ES256) of a team's key. Its methods may
// be called at the same time.
//
// A token's time is the start of a slot and its signature is deterministic, so
// that all instances with the same key use the same tokens, as Apple demands,
// without knowing of each other.
type tokens struct {
	key       *ecdsa.PrivateKey
	keyID     string
	team      string
	now       func() time.Time
	mu        sync.Mutex
	offset    time.Duration // of Apple's clock from ours
	current   signed
	accepted  signed    // that Apple took last
	heldUntil time.Time // until then the accepted one is used
}

// signed is a provider token.
type signed struct {
	text   string
	issued time.Time
}

// loadKey reads a team's key, as Apple hands it out: PKCS#8 in PEM.
func loadKey(file, keyID, team string) (*tokens, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("p8-file: %w", err)
	}
	key, err := parseKey(data)
	if err != nil {
		return nil, fmt.Errorf("p8-file: %s: %w", file, err)
	}
	return &tokens{key: key, keyID: keyID, team: team, now: time.Now}, nil
}

func parseKey(data []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("it is no key in PEM form: download the .p8 file from Apple's developer account (Keys)")
	}
	any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("it holds no private key: %w", err)
	}
	key, ok := any.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("its key is of another kind than Apple's (ECDSA P-256): is it the file of another service?")
	}
	return key, nil
}

// get returns the token to use now.
func (t *tokens) get() (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now().Add(t.offset)
	if now.Before(t.heldUntil) {
		return t.accepted.text, nil
	}
	slot := now.Add(-tokenMargin).Truncate(tokenSlot)
	if t.current.text == "" || !t.current.issued.Equal(slot) {
		text, err := t.sign(slot)
		if err != nil {
			return "", fmt.Errorf("sign provider token: %w", err)
		}
		t.current = signed{text, slot}
	}
	return t.current.text, nil
}

// sign makes a token (RFC 7519, RFC 7518 section 3.4). The nil source of
// randomness makes the signature deterministic (RFC 6979).
func (t *tokens) sign(issued time.Time) (string, error) {
	head, err := json.Marshal(map[string]string{"alg": "ES256", "kid": t.keyID})
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(map[string]any{"iss": t.team, "iat": issued.Unix()})
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(claims)
	sum := sha256.Sum256([]byte(text))
	der, err := t.key.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		return "", err
	}
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &pair); err != nil {
		return "", err
	}
	raw := make([]byte, 64)
	pair.R.FillBytes(raw[:32])
	pair.S.FillBytes(raw[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(raw), nil
}

// learn takes what Apple's answer to a push says of the token that it had: that
// it was good, that our clock is wrong, or that it is too new.
func (t *tokens) learn(used, reason string, header http.Header) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch reason {
	case "":
		if t.accepted.text != used && t.current.text == used {
			t.accepted = t.current
		}
	case reasonTokenExpired, reasonTokenInvalid:
		t.heldUntil = time.Time{}
		if date, err := http.ParseTime(header.Get("Date")); err == nil {
			if wrong := date.Sub(t.now().Add(t.offset)); wrong.Abs() > clockError {
				t.offset += wrong
			}
		}
	case reasonTokenTooNew:
		until := t.accepted.issued.Add(tokenLife)
		if t.accepted.text != "" && t.accepted.text != used {
			t.heldUntil = until
		}
	}
}
