package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mellium.im/sasl"
	"mellium.im/xmpp"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// prosodyConfig is a Prosody as its documentation sets one up for push: a host,
// mod_cloud_notify, and an external component.
const prosodyConfig = `
run_as_root = true
pidfile = "%[1]s/prosody.pid"
data_path = "%[1]s/data"
certificates = "%[1]s"
log = { debug = "%[1]s/prosody.log" }
interfaces = { "127.0.0.1" }
c2s_ports = { %[2]d }
component_ports = { %[3]d }
component_interfaces = { "127.0.0.1" }
authentication = "internal_hashed"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
modules_enabled = { "roster", "saslauth", "disco", "smacks", "mam", "offline", "carbons", "cloud_notify", "ping", "version", "posix" }
modules_disabled = { "s2s" }
VirtualHost "a.test"
  push_notification_with_body = true
  push_notification_with_sender = true
Component "push.a.test"
  component_secret = "s3cret"
Component "load.a.test"
  component_secret = "s3cret"
`

// server is a running XMPP server with the accounts alice and bob at a.test, and
// a component push.a.test.
type server struct {
	clients, components int // ports
	load                int // port for the component load.a.test
	folder, log         string
	start               func() *exec.Cmd
	quit                func()                         // asks it to end; nil: by a signal
	control             func(args ...string) *exec.Cmd // ejabberd's own tool
	running             *exec.Cmd
}

// run starts the server's process and sees to its end.
func (s *server) run(t *testing.T, start func() *exec.Cmd) {
	t.Helper()
	s.start = start
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(s.folder, s.log))
			t.Logf("end of the server's log:\n%s", tail(string(log), 4000))
		}
	})
	s.restart(t)
}

// restart starts the server's process and waits until it listens.
func (s *server) restart(t *testing.T) {
	t.Helper()
	s.running = s.start()
	if err := s.running.Start(); err != nil {
		t.Fatal(err)
	}
	for _, port := range []int{s.clients, s.components} {
		eventually(t, "the server listens", func() bool { return listens(port) })
	}
}

// stop ends the server's process.
func (s *server) stop() {
	if s.quit != nil {
		s.quit()
	} else {
		// It may have ended by itself, which other checks report.
		_ = s.running.Process.Signal(os.Interrupt)
	}
	_ = s.running.Wait()
}

// kill ends the server's processes with SIGKILL: all that name its folder, as
// ejabberd's are neither children nor in a group of ours.
func (s *server) kill(t *testing.T) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	killed := 0
	for _, name := range all {
		// One that has ended meanwhile needs no more.
		line, _ := os.ReadFile(name)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if bytes.Contains(line, []byte(s.folder)) && pid > 1 && syscall.Kill(pid, syscall.SIGKILL) == nil {
			killed++
		}
	}
	if killed == 0 {
		t.Error("the server has no process")
	}
	_ = s.running.Wait()
	eventually(t, "the killed server has ended", func() bool { return !listens(s.components) && !listens(s.clients) })
}

// needIntegration skips a test that needs a database server where none is said
// to be there.
func needIntegration(t *testing.T) {
	t.Helper()
	if os.Getenv("TPUSH_INTEGRATION") == "" {
		t.Skip("TPUSH_INTEGRATION is not set: run scripts/test for the integration tests")
	}
}

// needProgram ends the test when a program of the integration tests is not
// there: as a failure where they are asked for, as a skip elsewhere.
func needProgram(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err == nil {
		return
	}
	if os.Getenv("TPUSH_INTEGRATION") != "" {
		t.Fatalf("%s is not installed (scripts/test installs it)", name)
	}
	t.Skipf("%s is not installed: run scripts/test for the integration tests", name)
}

func startProsody(t *testing.T) *server {
	t.Helper()
	needProgram(t, "prosody")
	s := &server{clients: freePort(t), components: freePort(t), folder: t.TempDir(), log: "prosody.log"}
	s.load = s.components
	config := filepath.Join(s.folder, "prosody.cfg.lua")
	if err := os.WriteFile(config, fmt.Appendf(nil, prosodyConfig, s.folder, s.clients, s.components), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.folder, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"alice", "bob"} {
		out, err := exec.Command("prosodyctl", "--config", config, "register", user, "a.test", user+"-secret").CombinedOutput()
		if err != nil {
			t.Fatalf("register %s: %v\n%s", user, err, out)
		}
	}
	s.run(t, func() *exec.Cmd { return exec.Command("prosody", "-F", "--config", config) })
	return s
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

func listens(port int) bool {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		c.Close()
	}
	return err == nil
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// eventually waits until ok, and fails the test when that takes too long.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	within(t, 20*time.Second, what, ok)
}

// within is eventually with a time of its own.
func within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		if ok() {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Fatalf("it never came true that %s", what)
}

// client is a logged-in XMPP client.
type client struct {
	t       *testing.T
	session *xmpp.Session
	served  chan error
}

func logIn(t *testing.T, p *server, user string) *client {
	t.Helper()
	c, err := tryLogIn(t.Context(), t, p, user)
	if err != nil {
		t.Fatalf("log in as %s: %v", user, err)
	}
	return c
}

// tryLogIn is logIn while the server may be down.
func tryLogIn(ctx context.Context, t *testing.T, p *server, user string) (*client, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tcp, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.clients))
	if err != nil {
		return nil, err
	}
	me := jid.MustParse(user + "@a.test/phone")
	// The loopback counts as secure: Prosody here has no certificate.
	s, err := xmpp.NewSession(ctx, me.Domain(), me, tcp, xmpp.Secure, xmpp.NewNegotiator(func(*xmpp.Session, *xmpp.StreamConfig) xmpp.StreamConfig {
		return xmpp.StreamConfig{Features: []xmpp.StreamFeature{
			xmpp.SASL("", user+"-secret", sasl.ScramSha1, sasl.Plain), xmpp.BindResource()}}
	}))
	if err != nil {
		tcp.Close()
		return nil, err
	}
	c := &client{t: t, session: s, served: make(chan error, 1)}
	go func() { c.served <- s.Serve(nil) }()
	return c, nil
}

// drop ends the connection without a word.
func (c *client) drop() {
	c.session.Conn().Close()
	<-c.served
}

// logOut ends the session and waits for its end.
func (c *client) logOut() {
	c.t.Helper()
	if err := c.session.Close(); err != nil {
		c.t.Errorf("log out: %v", err)
	}
	c.session.Conn().Close()
	<-c.served
}

// request sends a request and decodes the answer's payload into v.
func (c *client) request(typ stanza.IQType, to, payload string, v any) {
	c.t.Helper()
	if err := c.ask(typ, to, payload, v); err != nil {
		c.t.Fatalf("request %s to %s: %v", payload, to, err)
	}
}

// ask is request for one that may be answered with an error.
func (c *client) ask(typ stanza.IQType, to, payload string, v any) error {
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	iq := stanza.IQ{Type: typ, ID: "c1-" + fmt.Sprint(time.Now().UnixNano())}
	if to != "" {
		iq.To = jid.MustParse(to)
	}
	return c.session.UnmarshalIQElement(ctx, xml.NewDecoder(strings.NewReader(payload)), iq, v)
}

// say sends a chat message.
func (c *client) say(to, body string) {
	c.t.Helper()
	if err := c.trySay(c.t.Context(), to, body); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) trySay(ctx context.Context, to, body string) error {
	return c.session.Encode(ctx, struct {
		stanza.Message
		Body string `xml:"body"`
	}{stanza.Message{To: jid.MustParse(to), Type: stanza.ChatMessage}, body})
}
