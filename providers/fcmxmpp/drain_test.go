package fcmxmpp

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/fcm/fcmtest"
)

// A connection that the server is about to close gets the answers that are due,
// and what comes meanwhile goes over another.
func TestDraining(t *testing.T) {
	s := simulator(t)
	p := provider(t, s, config(s), quiet())
	s.Hold(true)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if err := p.Push(t.Context(), target(token), plain(fmt.Sprint("before-", i))); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "messages without an answer", func() bool { return len(s.Messages()) == 20 })
	s.Drain()
	eventually(t, "another connection", func() bool { return s.Connections() == 2 })
	for i := range 5 {
		all.Go(func() {
			if err := p.Push(t.Context(), target(token), plain(fmt.Sprint("after-", i))); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "messages on the other", func() bool { return len(s.Messages()) == 25 })
	s.Hold(false)
	all.Wait()
	eventually(t, "the first is closed", func() bool { return s.Connections() == 1 })
	for i, m := range s.Messages() {
		if want := 1 + i/20; m.Connection != want {
			t.Errorf("%s went over connection %d, want %d", m.ID, m.Connection, want)
		}
	}
}

// A nack for that reason says the same; the push is repeated.
func TestDrainingByNack(t *testing.T) {
	s := simulator(t)
	p := provider(t, s, config(s), quiet())
	if err := p.Push(t.Context(), target(token), plain("first")); err != nil {
		t.Fatal(err)
	}
	set, err := providers.NewSet(quiet(), providers.DefaultOptions(), p)
	if err != nil {
		t.Fatal(err)
	}
	s.Script(token, fcmtest.XMPPAnswer{Error: draining, Times: 1})
	if err := set.Push(t.Context(), "fcm-xmpp-api", target(token), plain("second")); err != nil {
		t.Error(err)
	}
	got := s.Messages()
	if len(got) != 3 || got[1].Connection != 1 || got[2].Connection != 2 || got[2].ID != "m-second" {
		t.Errorf("messages %+v", got)
	}
}

// A connection that ends takes its messages with it: each is told once, as one
// whose fate nobody knows, and repeated once, but for calls.
func TestDroppedConnection(t *testing.T) {
	s := simulator(t)
	p := provider(t, s, config(s), quiet())
	set, err := providers.NewSet(quiet(), providers.DefaultOptions(), p)
	if err != nil {
		t.Fatal(err)
	}
	s.Hold(true)
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			if err := set.Push(t.Context(), "fcm-xmpp-api", target(token), plain(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Go(func() {
		call := plain("call")
		call.Call = &providers.Call{Action: "propose"}
		err := set.Push(t.Context(), "fcm-xmpp-api", target(token), call)
		checkRefused(t, "call", err, providers.Unknown, "connection lost")
	})
	eventually(t, "messages without an answer", func() bool { return len(s.Messages()) == 31 })
	s.Drop()
	eventually(t, "the messages again", func() bool { return len(s.Messages()) == 61 })
	s.Hold(false)
	all.Wait()
	times := map[string]int{}
	for _, m := range s.Messages() {
		times[m.ID]++
	}
	if len(times) != 31 || times["m-call"] != 1 || times["m-0"] != 2 || len(s.Messages()) != 61 {
		t.Errorf("messages by id: %v", times)
	}
}

// A server that is silent is given up, and another connection made.
func TestSilentServer(t *testing.T) {
	s := simulator(t)
	cfg := config(s)
	cfg.Timeout = time.Second
	p := provider(t, s, cfg, quiet())
	eventually(t, "a connection", func() bool { return s.Connections() == 1 })
	s.Script(token, fcmtest.XMPPAnswer{Silent: true, Times: 1})
	checkRefused(t, "no answer", p.Push(t.Context(), target(token), plain("1")), providers.Unknown, "no answer")
	eventually(t, "another connection", func() bool { good, _ := s.Logins(); return good == 2 && s.Connections() == 1 })
	if err := p.Push(t.Context(), target(token), plain("2")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// A server that leaves half of a connection's messages without an answer does
// not fill it up for ever.
func TestOverdueAnswers(t *testing.T) {
	s := simulator(t)
	cfg := config(s)
	cfg.Timeout = time.Second
	p := provider(t, s, cfg, quiet())
	eventually(t, "a connection", func() bool { return s.Connections() == 1 })
	s.Script("lost", fcmtest.XMPPAnswer{Silent: true})
	var all sync.WaitGroup
	for i := range window/2 + 5 {
		all.Go(func() {
			err := p.Push(t.Context(), target("lost"), plain(fmt.Sprint("lost-", i)))
			if providers.KindOf(err) != providers.Unknown {
				t.Errorf("error %v", err)
			}
		})
	}
	answered := 0
	eventually(t, "another connection", func() bool {
		if p.Push(t.Context(), target(token), plain(fmt.Sprint("answered-", answered))) == nil {
			answered++
		}
		good, _ := s.Logins()
		return good == 2
	})
	all.Wait()
	if answered == 0 {
		t.Error("nothing was answered meanwhile")
	}
}
