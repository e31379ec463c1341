package ext

import (
	"context"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tpush/tpush/component/ext/exttest"
	"github.com/tpush/tpush/component/xmpp"
	"go.uber.org/goleak"
	"mellium.im/xmpp/stanza"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const domain = "push.example.com"

var fast = pace{settle: 20 * time.Millisecond, lived: time.Millisecond, pause: 5 * time.Millisecond, maxPause: 20 * time.Millisecond,
	conflict: 20 * time.Millisecond, probe: 20 * time.Millisecond, silence: 500 * time.Millisecond, lists: 5 * time.Millisecond}

type echo struct {
	hold  chan struct{} // nil: answer at once
	calls atomic.Int32
}

func (e *echo) HandleIQ(_ context.Context, q *xmpp.IQ) *xmpp.IQ {
	e.calls.Add(1)
	if q.Name.Local == "panic" {
		panic("as asked")
	}
	if e.hold != nil {
		<-e.hold
	}
	return q.Result(nil)
}

func server(t *testing.T, opts exttest.Options) *exttest.Server {
	t.Helper()
	opts.Secrets = map[string]string{domain: "s3cret"}
	s, err := exttest.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// start runs an ext bean against the server and returns how to stop it.
func start(t *testing.T, s *exttest.Server, h Handler, perHost int) (e *Ext, stop func()) {
	t.Helper()
	cfg := Defaults()
	cfg.PerHost = perHost
	cfg.Items = []Item{{Domain: domain, Password: "s3cret", Host: "127.0.0.1", Port: s.Port()}}
	e, err := New(cfg, t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	e.pace = fast
	e.Route(func(string) (Handler, error) { return h, nil })
	return e, run(t, e)
}

// run runs an ext bean and returns how to stop it.
func run(t *testing.T, e *Ext) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// eventually waits until ok, and fails the test when that takes too long.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if ok() {
			return
		}
		<-time.After(time.Millisecond)
	}
	t.Fatalf("it never came true that %s", what)
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func request(id, payload string) *xmpp.IQ {
	return &xmpp.IQ{Type: stanza.SetIQ, ID: id, From: "example.com", To: domain,
		Name: xml.Name{Space: "urn:x", Local: payload}, Payload: []byte("<" + payload + " xmlns='urn:x'/>")}
}

func TestAnswersRequests(t *testing.T) {
	s := server(t, exttest.Options{})
	start(t, s, &echo{}, 1)
	ctx := within(t)
	if err := s.Wait(ctx, domain, 1); err != nil {
		t.Fatal(err)
	}
	for _, payload := range []string{"a", "panic", "b"} {
		got, err := s.Request(ctx, domain, request("id-"+payload, payload))
		if err != nil {
			t.Fatal(err)
		}
		want := "result"
		if payload == "panic" {
			want = "error"
		}
		if got.Type != want || got.From != domain || got.To != "example.com" {
			t.Errorf("answer to %s: type %q from %q to %q", payload, got.Type, got.From, got.To)
		}
	}
	if err := s.Faults(); err != nil {
		t.Error(err)
	}
}

func TestBadStanzasNeverEndTheStream(t *testing.T) {
	s := server(t, exttest.Options{})
	h := &echo{}
	start(t, s, h, 1)
	ctx := within(t)
	if err := s.Wait(ctx, domain, 1); err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{
		"<iq type='set' id='1' from='@@/' to='push.example.com'><a xmlns='urn:x'/></iq>",
		"<iq type='set' id='2' from='a@b/c' to='push.example.com'/>",
		"<iq id='3' type='set'><bind xmlns='urn:xmpp:component:0'/></iq>",
		"<message from='a@b/c' to='push.example.com'><body>hello</body></message>",
		"<presence from='a@b' type='subscribe' to='push.example.com'/>",
		"<iq type='error' id='4' from='@@a b/' to='push.example.com'><error/></iq>",
		"<iq type='set' id='5' from='a@b/c' to='push.example.com'><a xmlns='urn:x'>" + strings.Repeat("x", 2*xmpp.MaxStanza) + "</a></iq>",
		"<iq type='set' id='6' from='a@b/c' to='push.example.com'>" + strings.Repeat("<a>", 200) + strings.Repeat("</a>", 200) + "</iq>",
		" \n ",
	} {
		if err := s.SendRaw(domain, raw); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Request(ctx, domain, request("last", "a")); err != nil {
		t.Fatal(err)
	}
	if n := s.Connects(); n != 1 {
		t.Errorf("%d connections were made, want 1: a stanza ended the stream", n)
	}
}

func TestReconnects(t *testing.T) {
	s := server(t, exttest.Options{})
	start(t, s, &echo{}, 2)
	ctx := within(t)
	for range 5 {
		if err := s.Wait(ctx, domain, 2); err != nil {
			t.Fatal(err)
		}
		s.Drop()
	}
	if err := s.Wait(ctx, domain, 2); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Request(ctx, domain, request("x", "a")); err != nil {
		t.Fatal(err)
	}
}

func TestSingleConnectionServer(t *testing.T) {
	s := server(t, exttest.Options{Single: true})
	e, _ := start(t, s, &echo{}, 2)
	eventually(t, "the server is known to take one connection", func() bool {
		all := e.Connections()
		return len(all) == 1 && all[0].Single
	})
	if c := e.Connections()[0]; c.Live != 1 {
		t.Errorf("%d connections live, want 1", c.Live)
	}
}

func TestAnswerGoesOutOnTheNextConnection(t *testing.T) {
	s := server(t, exttest.Options{})
	h := &echo{hold: make(chan struct{})}
	start(t, s, h, 1)
	ctx := within(t)
	if err := s.Wait(ctx, domain, 1); err != nil {
		t.Fatal(err)
	}
	answer := make(chan error, 1)
	go func() {
		_, err := s.Request(ctx, domain, request("slow", "a"))
		answer <- err
	}()
	eventually(t, "the request is in work", func() bool { return h.calls.Load() > 0 })
	s.Drop()
	eventually(t, "there is a second connection", func() bool { return s.Connects() == 2 })
	close(h.hold)
	if err := <-answer; err != nil {
		t.Fatal(err)
	}
}

func TestDrain(t *testing.T) {
	s := server(t, exttest.Options{})
	h := &echo{hold: make(chan struct{})}
	_, stop := start(t, s, h, 1)
	ctx := within(t)
	if err := s.Wait(ctx, domain, 1); err != nil {
		t.Fatal(err)
	}
	answer := make(chan error, 1)
	go func() {
		_, err := s.Request(ctx, domain, request("slow", "a"))
		answer <- err
	}()
	eventually(t, "the request is in work", func() bool { return h.calls.Load() > 0 })
	stopped := make(chan struct{})
	go func() {
		stop()
		close(stopped)
	}()
	// What still comes is answered at once, as a passing failure. The first may be
	// taken before the order to stop is known.
	var late *xmpp.Element
	for i := 0; late == nil; i++ {
		soon, cancel := context.WithTimeout(ctx, 2*lastReads)
		late, _ = s.Request(soon, domain, request(fmt.Sprint("late", i), "a"))
		cancel()
		if ctx.Err() != nil {
			t.Fatal("a request during the shutdown is never answered")
		}
	}
	if text := string(late.Payload); late.Type != "error" || !strings.Contains(text, "type='wait'") || !strings.Contains(text, "internal-server-error") {
		t.Errorf("a request during the shutdown is answered %s %s", late.Type, text)
	}
	close(h.hold)
	if err := <-answer; err != nil {
		t.Errorf("a request in work at the shutdown: %v", err)
	}
	<-stopped
	if err := s.Wait(ctx, domain, 0); err != nil {
		t.Error(err)
	}
}

func TestProbeKeepsASilentStream(t *testing.T) {
	s := server(t, exttest.Options{})
	start(t, s, &echo{}, 1)
	enough := int(2 * fast.silence / fast.probe)
	eventually(t, "many probes have come back", func() bool { return s.Echoed() >= enough })
	if n := s.Connects(); n != 1 {
		t.Errorf("%d connections were made, want 1: a stream whose probes come back was given up", n)
	}
}

func TestSilentServerIsGivenUp(t *testing.T) {
	s := server(t, exttest.Options{Deaf: true})
	start(t, s, &echo{}, 1)
	eventually(t, "a stream that answers nothing is replaced", func() bool { return s.Connects() > 1 })
}
