package push

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
)

// TestRules runs the files of testdata/rules, one for each rule. A file tells
// the rule, what is given, and requests; below each request stands what came of
// it: the answer, what was pushed, what was sent unasked, and what is left in
// the store. With -update these lines are written anew.
func TestRules(t *testing.T) {
	files, err := filepath.Glob("testdata/rules/*.txt")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, file, play(t, string(text)))
		})
	}
}

// play runs a rule's file and returns it with the outcomes in place.
func play(t *testing.T, text string) string {
	r := &ruleWorld{t: t}
	var b, request strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "| ") {
			continue // an outcome, made anew
		}
		b.WriteString(line)
		switch {
		case strings.HasPrefix(line, "given "):
			r.givens = append(r.givens, strings.Fields(line)[1:])
		case request.Len() > 0 || strings.HasPrefix(line, "<iq"):
			request.WriteString(line)
			if strings.HasSuffix(line, "</iq>\n") || strings.HasPrefix(line, "<iq") && strings.HasSuffix(line, "/>\n") {
				r.open()
				for l := range strings.Lines(r.outcome(r.request(request.String()))) {
					b.WriteString("| " + l)
				}
				request.Reset()
			}
		}
	}
	if request.Len() > 0 {
		t.Errorf("a request does not end: %s", request.String())
	}
	return b.String()
}

// ruleWorld is the world of a rule.
type ruleWorld struct {
	t      *testing.T
	givens [][]string
	*world
	sent sentStanzas
	seen int // pushes
}

// sentStanzas keeps what is sent unasked.
type sentStanzas struct {
	mu  sync.Mutex
	all []string
}

func (s *sentStanzas) Send(_ context.Context, st xmpp.Stanza) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, string(st.Append(nil)))
	return nil
}

// open makes the world at the first request.
func (r *ruleWorld) open() {
	if r.world != nil {
		return
	}
	r.world = newWorld(r.t, r.configure)
	r.service.SendThrough(&r.sent, func() string { return service })
	r.ShowConfig(func() (string, error) { return "push () {\n    domain = 'push.example.com'\n}\n", nil })
	r.prepare()
}

// request reads one request as it comes on a stream.
func (r *ruleWorld) request(text string) *xmpp.IQ {
	r.t.Helper()
	stanzas := read(r.t, text)
	if len(stanzas) != 1 || stanzas[0].IQ() == nil {
		r.t.Fatalf("%d stanzas in %s", len(stanzas), text)
	}
	return stanzas[0].IQ()
}

// outcome gives a request to the component and tells what came of it.
func (r *ruleWorld) outcome(q *xmpp.IQ) string {
	var b strings.Builder
	b.WriteString(r.answer(q))
	r.phones.mu.Lock()
	for i := range r.phones.got[r.seen:] {
		b.WriteString("push to " + r.phones.used[r.seen+i] + ": " + summary(r.phones.got[r.seen+i]) + "\n")
	}
	r.seen = len(r.phones.got)
	r.phones.mu.Unlock()
	for _, text := range r.sent.all {
		b.WriteString("sent " + strings.TrimPrefix(tree(r.t, text), "\n"))
	}
	r.sent.all = nil
	counts, err := r.devices.Counts(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	all := 0
	for _, c := range counts {
		all += c.Devices
	}
	fmt.Fprintf(&b, "devices: %d\n", all)
	return b.String()
}

// answer is the tree of an answer; the request's child that errors repeat is
// left out when it is the same, byte for byte.
func (w *world) answer(q *xmpp.IQ) string {
	w.t.Helper()
	a := w.HandleIQ(w.t.Context(), q)
	if a.Error != nil && len(q.Payload) > 0 {
		if string(a.Payload) != string(q.Payload) {
			w.t.Errorf("the error's child is %s", a.Payload)
		}
		a.Payload = []byte("<as-sent/>")
	}
	return tree(w.t, string(a.Append(nil)))
}

// configure applies "given NAME = VALUE …".
func (r *ruleWorld) configure(c *Config) {
	c.Admins = []string{"admin@example.com"}
	for _, g := range r.givens {
		if len(g) < 3 || g[1] != "=" {
			continue
		}
		switch v := g[2:]; g[0] {
		case "contentless":
			c.Contentless = v[0]
		case "remove-devices":
			c.RemoveDevices = v[0] == "true"
		case "publishers":
			c.Publishers = v
		case "former-domains":
			c.FormerDomains = v
		case "default-virtual-host":
			c.VirtualHosts = v
		case "max-devices-per-account":
			c.MaxDevices, _ = strconv.Atoi(v[0])
		case "registrations-per-minute":
			c.PerMinute, _ = strconv.Atoi(v[0])
		default:
			if kind, ok := strings.CutPrefix(g[0], "disco-extensions:"); ok {
				c.Contacts = withList(c.Contacts, kind, v)
			} else if node, ok := strings.CutPrefix(g[0], "commands:"); ok {
				c.Commands = withList(c.Commands, node, v)
			} else {
				r.t.Fatalf("given %v?", g)
			}
		}
	}
}

func withList(m map[string][]string, key string, list []string) map[string][]string {
	if m == nil {
		m = map[string][]string{}
	}
	m[key] = list
	return m
}

// prepare does the other givens.
func (r *ruleWorld) prepare() {
	for _, g := range r.givens {
		switch g[0] {
		case "device": // TOKEN SECOND NODE [PROVIDER [SERVICE]]
			provider, at := "tigase:messenger:apns:1", service
			if len(g) > 4 {
				provider = g[4]
			}
			if len(g) > 5 {
				at = g[5]
			}
			_, err := r.devices.Register(r.t.Context(), repository.Key{Service: at, Account: "ala@example.com", Providers: []string{provider}, Token: g[1]},
				strings.TrimPrefix(g[2], "-"), g[3])
			if err != nil {
				r.t.Fatal(err)
			}
		case "apple": // TOKEN KIND [REASON]
			e := &providers.Error{Kind: kinds[g[2]]}
			if len(g) > 3 {
				e.Reason, e.Status = g[3], 400
			}
			if g[2] == "gone" {
				e.Status = 410
			}
			r.phones.answers[g[1]] = e
		case "long": // "long ago": the push service says that the tokens died then
			for _, err := range r.phones.answers {
				err.(*providers.Error).GoneSince = time.Now().Add(-time.Hour)
			}
		case "trusted":
			err := r.service.set.Push(r.t.Context(), "tigase:messenger:apns:1", providers.Target{Account: "x@example.com", Token: "FF"}, providers.Notification{Body: "x"})
			if err != nil {
				r.t.Fatal(err)
			}
			r.seen = len(r.phones.got)
		case "store":
			r.service.devices = brokenStore{r.devices}
		}
	}
}

var kinds = map[string]providers.Kind{"temporary": providers.Temporary, "throttled": providers.Throttled, "unknown": providers.Unknown,
	"gone": providers.Gone, "doubtful": providers.Doubtful, "refused": providers.Refused, "unauthorized": providers.Unauthorized}
