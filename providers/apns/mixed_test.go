package apns

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/apns/apnstest"
)

// TestMixed: of many pushes at once, some refused and some out of time, each
// arrives with its own content and gets its own answer, whatever memory it has.
func TestMixed(t *testing.T) {
	p, production, sandbox := environments(t, apnstest.Certificate{UID: topic, Development: true, Production: true})
	idOf := func(i int) string { return fmt.Sprintf("5f0e3c8a-0a55-4b7d-9b55-%012x", i) }
	bodyOf := func(i int) string { return strings.Repeat(fmt.Sprint("text", i, " "), 1+i%50) }
	var arrived sync.Map
	look := func(push apnstest.Push) {
		var i int
		var c content
		if _, err := fmt.Sscanf(push.Token, "%x", &i); err != nil || json.Unmarshal(push.Payload, &c) != nil ||
			push.Header.Get("Apns-Id") != idOf(i) || c.Account != fmt.Sprint(i, "@a") || c.Body != bodyOf(i) {
			t.Errorf("push %s %v %s", push.Token, push.Header, push.Payload)
		}
		arrived.Store(i, true)
	}
	production.Watch(look)
	sandbox.Watch(look)
	refusals := []apnstest.Answer{{}, {}, {Status: 400, Reason: reasonBadToken}, {Status: 410, Reason: "Unregistered"}, {Status: 429, Reason: "TooManyRequests"}}
	var all sync.WaitGroup
	slots := make(chan struct{}, 200)
	for i := range 1500 {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			to := providers.Target{Token: fmt.Sprintf("%064X", i), Until: time.Now().Add(time.Minute)}
			refusal := refusals[i%len(refusals)]
			if refusal.Status != 0 {
				production.Script(to.Token, refusal)
			}
			short := i%3 == 0
			if short {
				to.Until = time.Now().Add(time.Duration(rand.IntN(200)) * time.Millisecond)
			}
			moved := false
			to.Moved = func(bool) { moved = true }
			err := p.Push(t.Context(), to, providers.Notification{ID: idOf(i), Account: fmt.Sprint(i, "@a"), Sender: "s@a", Body: bodyOf(i)})
			_, came := arrived.Load(i)
			var e *providers.Error
			switch {
			case err == nil:
				if !came || refusal.Status > 400 || moved != (refusal.Status == 400) {
					t.Errorf("%d accepted, arrived: %v, moved: %v", i, came, moved)
				}
			case !errors.As(err, &e) || e.Reason != refusal.Reason && !short || e.Reason != "" && e.Reason != refusal.Reason:
				t.Errorf("%d: %v, want %s", i, err, refusal.Reason)
			}
		})
	}
	all.Wait()
}
