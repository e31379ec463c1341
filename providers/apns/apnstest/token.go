package apnstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Ages of provider tokens (Apple, "Establishing a token-based connection to
// APNs").
const (
	tokenLife  = time.Hour
	tokenLeast = 20 * time.Minute
	tokenEarly = time.Minute // a clock may be so fast
)

// signingKey is a team's key for provider tokens.
type signingKey struct {
	public *ecdsa.PublicKey
	team   string
	topics []string
	text   string    // the newest token with it
	issued time.Time // when that was, by its own word
}

// IssueKey makes a team's key as Apple does, and returns it as a .p8 file. It is
// good for the topics, and for calls to them.
func (s *Server) IssueKey(keyID, team string, topics ...string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[keyID] = &signingKey{public: &key.PublicKey, team: team, topics: topics}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// SetClock changes the simulator's clock, which judges tokens and is in the
// answers' Date.
func (s *Server) SetClock(offset time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = offset
}

// checkToken checks a request without a client certificate.
func (s *Server) checkToken(h http.Header) *Answer {
	text, ok := strings.CutPrefix(h.Get("authorization"), "bearer ")
	if !ok {
		return &Answer{Status: 403, Reason: "MissingProviderToken"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key, issued := s.verifyToken(text)
	topic := strings.TrimSuffix(h.Get("apns-topic"), ".voip")
	now := time.Now().Add(s.clock)
	switch {
	case key == nil, issued.After(now.Add(tokenEarly)):
		return &Answer{Status: 403, Reason: "InvalidProviderToken"}
	case now.Sub(issued) > tokenLife:
		return &Answer{Status: 403, Reason: "ExpiredProviderToken"}
	case topic == "":
		return &Answer{Status: 400, Reason: "MissingTopic"}
	case !slices.Contains(key.topics, topic):
		return &Answer{Status: 403, Reason: "UnrelatedKeyIdInToken"}
	case key.text != text && key.text != "" && issued.Sub(key.issued).Abs() < tokenLeast:
		return &Answer{Status: 429, Reason: "TooManyProviderTokenUpdates"}
	}
	key.text, key.issued = text, issued
	return nil
}

// verifyToken returns the key that a token is signed with, and the token's time;
// nil when it is not good. s.mu is held.
func (s *Server) verifyToken(text string) (*signingKey, time.Time) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, time.Time{}
	}
	var head struct{ Alg, Kid string }
	var claims struct {
		Iss string
		Iat int64
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) != 64 || !decodePart(parts[0], &head) || !decodePart(parts[1], &claims) {
		return nil, time.Time{}
	}
	key := s.keys[head.Kid]
	if key == nil || head.Alg != "ES256" || claims.Iss != key.team {
		return nil, time.Time{}
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(key.public, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return nil, time.Time{}
	}
	return key, time.Unix(claims.Iat, 0)
}

func decodePart(text string, into any) bool {
	data, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && json.Unmarshal(data, into) == nil
}
