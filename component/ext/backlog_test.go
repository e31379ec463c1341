package ext

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/component/ext/exttest"
	"github.com/tpush/tpush/component/xmpp"
)

// crowded is an ext bean with little room, and what its handler waits for.
type crowded struct {
	t      *testing.T
	e      *Ext
	server *exttest.Server
	h      *echo
	log    *lockedLog
	stop   func()
}

func newCrowded(t *testing.T, b bounds) *crowded {
	t.Helper()
	c := &crowded{t: t, server: server(t, exttest.Options{}), h: &echo{hold: make(chan struct{})}, log: &lockedLog{}}
	cfg := Defaults()
	cfg.PerHost = 1
	cfg.Items = []Item{{Domain: domain, Password: "s3cret", Host: "127.0.0.1", Port: c.server.Port()}}
	var err error
	if c.e, err = New(cfg, t.TempDir(), slog.New(slog.NewTextHandler(c.log, nil))); err != nil {
		t.Fatal(err)
	}
	c.e.pace = fast
	c.e.pace.silence = time.Hour
	c.e.backlog.bounds = b
	c.e.Route(func(string) (Handler, error) { return c.h, nil })
	c.stop = run(t, c.e)
	if err := c.server.Wait(within(t), domain, 1); err != nil {
		t.Fatal(err)
	}
	return c
}

// send sends a request that comes to be worked on or to wait, and returns where
// its answer is given.
func (c *crowded) send(id string) <-chan string {
	c.t.Helper()
	had := c.load()
	answer := c.ask(id)
	eventually(c.t, "the request was read", func() bool { return c.load() > had })
	return answer
}

func (c *crowded) load() int {
	c.e.backlog.mu.Lock()
	defer c.e.backlog.mu.Unlock()
	return c.e.backlog.working + len(c.e.backlog.jobs)
}

// ask sends a request.
func (c *crowded) ask(id string) <-chan string {
	ctx := within(c.t)
	out := make(chan string, 1)
	go func() {
		switch a, err := c.server.Request(ctx, domain, request(id, "a")); {
		case err != nil:
			out <- err.Error()
		case a.Type == "result":
			out <- a.Type
		case strings.Contains(string(a.Payload), "type='wait'") && strings.Contains(string(a.Payload), "<internal-server-error "):
			out <- "wait"
		default:
			out <- string(a.Payload)
		}
	}()
	return out
}

func (c *crowded) want(answer string, from ...<-chan string) {
	c.t.Helper()
	for i, ch := range from {
		if got := <-ch; got != answer {
			c.t.Errorf("request %d was answered %s, want %s", i+1, got, answer)
		}
	}
}

var roomy = bounds{slots: 2, waiting: 3, bytes: 1 << 20, late: time.Hour, stalled: time.Hour, few: 1, look: time.Millisecond, silent: time.Hour}

// Requests beyond the slots wait their turn; when too many do, what comes is
// turned away until few wait, and the log says so once.
func TestTooManyAreTurnedAway(t *testing.T) {
	c := newCrowded(t, roomy)
	var taken []<-chan string
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		taken = append(taken, c.send(id))
	}
	c.want("wait", c.ask("f"), c.ask("g"))
	c.h.hold <- struct{}{}
	eventually(t, "one of those that wait has got the slot", func() bool { return c.h.calls.Load() == 3 })
	c.want("wait", c.ask("h")) // two wait: more than few
	c.h.hold <- struct{}{}
	eventually(t, "another has got the slot", func() bool { return c.h.calls.Load() == 4 })
	c.h.hold <- struct{}{}
	eventually(t, "the last has got the slot", func() bool { return c.h.calls.Load() == 5 })
	taken = append(taken, c.send("i"))
	close(c.h.hold)
	c.want("result", taken...)
	if k := c.e.Connections()[0]; k.TurnedAway != 3 {
		t.Errorf("%d requests were turned away, want 3", k.TurnedAway)
	}
	for _, line := range []string{"more comes than can be pushed", "turned-away=3"} {
		if n := strings.Count(c.log.String(), line); n != 1 {
			t.Errorf("%d lines with %s in the log:\n%s", n, line, c.log)
		}
	}
}

// Where no request in work ends, nobody waits long, and what comes then does not
// wait at all.
func TestStalledWorkIsNotWaitedFor(t *testing.T) {
	b := roomy
	b.slots, b.stalled = 1, 20*time.Millisecond
	c := newCrowded(t, b)
	first := c.send("a")
	c.want("wait", c.ask("b"), c.ask("c"))
	close(c.h.hold)
	c.want("result", first)
	eventually(t, "the slot is free", func() bool { return c.load() == 0 })
	c.want("result", c.ask("d"))
}

// Large requests take more room than small ones.
func TestLargeBacklog(t *testing.T) {
	b := roomy
	b.slots, b.bytes = 1, 2*len(request("", "a").Payload)
	c := newCrowded(t, b)
	taken := []<-chan string{c.send("a"), c.send("b"), c.send("c")}
	c.want("wait", c.ask("d"))
	close(c.h.hold)
	c.want("result", taken...)
}

// Those that wait at a shutdown are answered.
func TestDrainOfTheBacklog(t *testing.T) {
	b := roomy
	b.slots = 1
	c := newCrowded(t, b)
	taken := []<-chan string{c.send("a"), c.send("b")}
	stopped := make(chan struct{})
	go func() {
		c.stop()
		close(stopped)
	}()
	close(c.h.hold)
	c.want("result", taken...)
	<-stopped
}

// Who waits longer than is of use is turned away: sooner where nothing moves.
func TestOverdue(t *testing.T) {
	now := time.Now()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tc := range map[string]struct {
		moved  time.Duration // ago
		waited []time.Duration
		ctx    context.Context
		want   int
	}{
		"in time":             {0, []time.Duration{9 * time.Second, time.Second}, t.Context(), 0},
		"too late":            {0, []time.Duration{11 * time.Second, 10 * time.Second, 9 * time.Second}, t.Context(), 2},
		"stalled":             {6 * time.Second, []time.Duration{6 * time.Second, 4 * time.Second}, t.Context(), 1},
		"nobody waits for it": {0, []time.Duration{time.Second}, over, 1},
	} {
		b := backlog{bounds: defaultBounds, log: slog.New(slog.DiscardHandler), moved: now.Add(-tc.moved)}
		b.look = time.Hour
		for _, d := range tc.waited {
			b.jobs = append(b.jobs, job{ctx: tc.ctx, came: now.Add(-d), q: &xmpp.IQ{}})
		}
		if got := b.overdue(now); len(got) != tc.want || len(b.jobs) != len(tc.waited)-tc.want {
			t.Errorf("%s: %d requests are overdue, want %d; %d are left of %d", name, len(got), tc.want, len(b.jobs), len(tc.waited))
		}
	}
}

// deadlines is a handler that tells when its time is over.
type deadlines chan time.Time

func (d deadlines) HandleIQ(ctx context.Context, q *xmpp.IQ) *xmpp.IQ {
	end, _ := ctx.Deadline()
	d <- end
	return q.Result(nil)
}

// The time that a request may take is counted from when it was read, and leaves
// room for its outcome to be stored before ejabberd gives up.
func TestTimeOfARequest(t *testing.T) {
	const toStore = 5 * time.Second // as [Handler] says
	if workTime+toStore >= answerTime || defaultBounds.late+defaultBounds.look >= workTime {
		t.Errorf("waiting %v, working %v and storing %v do not fit into %v", defaultBounds.late, workTime, toStore, answerTime)
	}
	s := server(t, exttest.Options{})
	h := make(deadlines)
	e, _ := start(t, s, h, 1)
	if err := s.Wait(within(t), domain, 1); err != nil {
		t.Fatal(err)
	}
	e.backlog.mu.Lock()
	e.backlog.slots = 1
	e.backlog.mu.Unlock()
	waiting := func(n int) func() bool {
		return func() bool {
			e.backlog.mu.Lock()
			defer e.backlog.mu.Unlock()
			return e.backlog.working == 1 && len(e.backlog.jobs) == n
		}
	}
	for i, id := range []string{"a", "b"} {
		if err := s.Send(domain, request(id, "a")); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the request was read", waiting(i))
	}
	read := time.Now()
	<-h
	if end := <-h; end.After(read.Add(workTime)) || end.Before(read.Add(workTime-2*time.Second)) {
		t.Errorf("the work on a request that had to wait ends %v after it was read, want %v", end.Sub(read), workTime)
	}
}
