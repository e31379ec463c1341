package fcmtest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	email = "push@demo-project.iam.gserviceaccount.com"
	scope = "https://www.googleapis.com/auth/firebase.messaging"
	grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

// token is Google's token endpoint (RFC 7523).
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	a := s.oauth
	s.mu.Unlock()
	if err := s.checkAssertion(r); err != nil && a.Status == 0 {
		a.Status, a.Code, a.Body = http.StatusBadRequest, "invalid_grant", ""
		a.Description = err.Error()
	}
	if !a.wait(r) {
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	switch {
	case a.Status == 0:
		reply(w, s.issue())
	case a.Body != "":
		a.write(w)
	default:
		a.head(w)
		reply(w, map[string]string{"error": a.Code, "error_description": a.Description})
	}
}

// issue makes a token.
func (s *Server) issue() map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := "ya29." + rand.Text()
	s.issued[token] = time.Now().Add(s.life)
	s.tokens++
	return map[string]any{"access_token": token, "expires_in": int(s.life.Seconds()), "token_type": "Bearer"}
}

// reply writes JSON; a client that has gone gets none.
func reply(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

// checkAssertion checks the signed assertion of the service account.
func (s *Server) checkAssertion(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	if r.Form.Get("grant_type") != grant {
		return fmt.Errorf("grant_type is %q", r.Form.Get("grant_type"))
	}
	parts := strings.Split(r.Form.Get("assertion"), ".")
	if len(parts) != 3 {
		return errors.New("the assertion is no JWT")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return fmt.Errorf("decode signature: %w", err)
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&s.key.PublicKey, crypto.SHA256, sum[:], signature); err != nil {
		return errors.New("the signature is wrong")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return fmt.Errorf("decode claims: %w", err)
	}
	var claims struct {
		Iss, Aud, Scope string
		Iat, Exp        int64
	}
	if err := json.Unmarshal(text, &claims); err != nil {
		return fmt.Errorf("read claims: %w", err)
	}
	now := time.Now().Unix()
	switch {
	case claims.Iss != email:
		return fmt.Errorf("iss is %q", claims.Iss)
	case claims.Aud != s.tokenURI():
		return fmt.Errorf("aud is %q", claims.Aud)
	case !slices.Contains(strings.Fields(claims.Scope), scope):
		return fmt.Errorf("scope is %q", claims.Scope)
	case claims.Exp <= now || claims.Iat > now+60 || claims.Exp-claims.Iat > 3700:
		return errors.New("iat and exp are not of this hour")
	}
	return nil
}

// authorized checks a message's access token.
func (s *Server) authorized(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	return ok && time.Now().Before(s.issued[token])
}
