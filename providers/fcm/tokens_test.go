package fcm

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"
)

// endpoint is a token endpoint without a network: it issues tokens for an hour.
type endpoint struct {
	asked atomic.Int32
	takes time.Duration
	life  time.Duration // 0: an hour
	fails bool
}

func (e *endpoint) RoundTrip(req *http.Request) (*http.Response, error) {
	n := e.asked.Add(1)
	select {
	case <-time.After(e.takes):
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	if e.fails {
		return nil, errors.New("no route")
	}
	life := cmp.Or(e.life, time.Hour)
	body, err := json.Marshal(map[string]any{"access_token": fmt.Sprint("t", n), "token_type": "Bearer", "expires_in": int(life.Seconds())})
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(body)))}, err
}

func source(t *testing.T, e *endpoint) *tokens {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	return &tokens{base: e, config: &jwt.Config{Email: "a@b", PrivateKey: text, TokenURL: "http://tokens.example/token"}}
}

func fetched(t *testing.T, s *tokens) *oauth2.Token {
	t.Helper()
	token, err := s.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestTokenIsRenewedBeforeItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{}
		s := source(t, e)
		for _, step := range []struct {
			after time.Duration
			want  string
		}{{0, "t1"}, {54 * time.Minute, "t1"}, {2 * time.Minute, "t2"}, {50 * time.Minute, "t2"}} {
			time.Sleep(step.after)
			if got := fetched(t, s).AccessToken; got != step.want {
				t.Fatalf("after another %v: token %s, want %s", step.after, got, step.want)
			}
		}
		// The endpoint is down when the next renewal is due: the old token does.
		e.fails = true
		time.Sleep(7 * time.Minute)
		before := e.asked.Load()
		for range 5 {
			if got := fetched(t, s).AccessToken; got != "t2" {
				t.Fatalf("token %s", got)
			}
		}
		if n := e.asked.Load() - before; n != 1 {
			t.Errorf("the endpoint was asked %d times in a row", n)
		}
		time.Sleep(5 * time.Minute)
		if token, err := s.get(t.Context()); err == nil {
			t.Errorf("after its end the token %s is still used", token.AccessToken)
		}
	})
}

// A token that lives shortly is used, too, and never after its end.
func TestShortLivedTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{life: 8 * time.Second}
		s := source(t, e)
		for range 60 {
			if token := fetched(t, s); !time.Now().Before(token.Expiry) {
				t.Fatal("a token after its end")
			}
			time.Sleep(time.Second)
		}
		if n := e.asked.Load(); n != 10 {
			t.Errorf("%d tokens in a minute, want one for each 6 s", n)
		}
	})
}

func TestOneFetchForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{takes: time.Second}
		s := source(t, e)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if token, err := s.get(t.Context()); err != nil || token.AccessToken != "t1" {
					t.Errorf("token %v, error %v", token, err)
				}
			})
		}
		all.Wait()
		if e.asked.Load() != 1 {
			t.Errorf("%d requests", e.asked.Load())
		}
	})
}

// A token endpoint that hangs holds nobody longer than their own time.
func TestHangingTokenEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source(t, &endpoint{takes: time.Hour})
		began := time.Now()
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				own := time.Duration(i+1) * time.Second
				ctx, cancel := context.WithTimeout(t.Context(), own)
				defer cancel()
				if _, err := s.get(ctx); err == nil || time.Since(began) > own {
					t.Errorf("error %v after %v, want one after %v", err, time.Since(began), own)
				}
			})
		}
		all.Wait()
	})
}

// The caller who asks goes away; the next one asks in their place.
func TestAbandonedFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{takes: time.Second}
		s := source(t, e)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		var first sync.WaitGroup
		first.Go(func() {
			if _, err := s.get(ctx); err == nil {
				t.Error("a token after the time was over")
			}
		})
		synctest.Wait()
		if got := fetched(t, s).AccessToken; got != "t2" {
			t.Errorf("token %s", got)
		}
		first.Wait()
	})
}

func TestDroppedToken(t *testing.T) {
	s := source(t, &endpoint{})
	old := fetched(t, s)
	s.drop(old)
	fresh := fetched(t, s)
	s.drop(old)
	if again := fetched(t, s); fresh == old || again != fresh {
		t.Errorf("tokens %s, %s, %s: want a new one, and the new one kept", old.AccessToken, fresh.AccessToken, again.AccessToken)
	}
}
