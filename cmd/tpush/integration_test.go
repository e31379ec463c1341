package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tpush/tpush/providers/apns/apnstest"
	"mellium.im/xmpp/stanza"
)

// building builds the program, once for all tests.
var building = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "tpush-test-")
	if err != nil {
		return "", err
	}
	file := filepath.Join(folder, "tpush")
	if out, err := exec.Command("go", "build", "-race", "-o", file, ".").CombinedOutput(); err != nil {
		return folder, fmt.Errorf("build: %w\n%s", err, out)
	}
	return file, nil
})

// builtProgram is the program for the tests that run it as a user does.
func builtProgram(t *testing.T) string {
	t.Helper()
	file, err := building()
	if err != nil {
		t.Fatal(err)
	}
	built = true
	return file
}

// fastProgram is the program without the race detector, for tests that measure.
func fastProgram(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tpush")
	if out, err := exec.Command("go", "build", "-o", file, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return file
}

// built says that there is a folder to remove.
var built bool

func TestMain(m *testing.M) {
	code := m.Run()
	if built {
		if file, err := building(); err == nil {
			os.RemoveAll(filepath.Dir(file))
		}
	}
	os.Exit(code)
}

// guideConfig is a configuration in the guide's form.
const guideConfig = `
admins = [ 'admin@a.test' ]
'config-type' = 'component'
'default-virtual-host' = 'a.test'
dataSource {
    default () {
        uri = '%s'
    }
}
userRepository { default () {} }
ext () {}
push () {
    'apns-binary-api' () {
        'cert-file' = 'apns-cert.p12'
        'cert-password' = 'Pa$$w0rd'
        'apns-topic' = 'com.bundle.id'
        host = '%s'
        'ca-file' = 'apns-ca.pem'
    }
}
`

// installation is a folder with all that the program needs.
func installation(t *testing.T, apns *apnstest.Server, databaseURI string, componentPort int) string {
	t.Helper()
	home := t.TempDir()
	cred, err := apns.Issue(apnstest.Certificate{UID: "com.bundle.id", Production: true})
	if err != nil {
		t.Fatal(err)
	}
	p12, err := cred.P12("Pa$$w0rd", true, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(home, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"apns-cert.p12":              string(p12),
		"apns-ca.pem":                string(apns.CA()),
		"etc/config.tdsl":            fmt.Sprintf(guideConfig, databaseURI, apns.Addr()),
		"etc/externalComponentItems": fmt.Sprintf("push.a.test:s3cret:connect:%d:127.0.0.1:accept\n", componentPort),
	} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

// program is the running program.
type program struct {
	t   *testing.T
	cmd *exec.Cmd
	log *log
}

// start runs the program in an installation and waits until it is connected.
func start(t *testing.T, binary, home string) *program {
	t.Helper()
	p := &program{t: t, cmd: exec.Command(binary), log: &log{}}
	p.cmd.Dir = home
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			p.stop()
		}
		if t.Failed() {
			t.Logf("log of tpush:\n%s", p.log)
		}
	})
	eventually(t, "tpush is connected", func() bool { return strings.Contains(p.log.String(), "msg=connected bean=ext") })
	return p
}

// stop ends the program as systemd does.
func (p *program) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.t.Errorf("stop: %v", err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("tpush ended with %v", err)
	}
}

// kill ends the program at once.
func (p *program) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Errorf("kill: %v", err)
	}
	_ = p.cmd.Wait() // that it was killed is no news
}

// command is what a client reads of an ad-hoc command's result.
type command struct {
	Status string `xml:"status,attr"`
	Fields []struct {
		Var   string `xml:"var,attr"`
		Value string `xml:"value"`
	} `xml:"x>field"`
}

func (c *command) field(name string) string {
	for _, f := range c.Fields {
		if f.Var == name {
			return f.Value
		}
	}
	return ""
}

// TestThroughProsody is the main job, with nothing simulated but Apple: a
// client registers its device through Prosody, goes away, gets a message, and
// its push arrives; with an embedded database, MariaDB and PostgreSQL, and again after
// a restart.
func TestThroughProsody(t *testing.T) {
	databases := map[string]string{"sqlite": "jdbc:sqlite:data/tpush.db"}
	for name, variable := range map[string]string{"mysql": "TPUSH_TEST_MYSQL_URI", "postgresql": "TPUSH_TEST_POSTGRES_URI"} {
		if uri := os.Getenv(variable); uri != "" {
			databases[name] = uri + "&useSSL=false&allowPublicKeyRetrieval=true"
		} else if os.Getenv("TPUSH_INTEGRATION") != "" {
			t.Errorf("%s names no database (scripts/test starts one)", variable)
		}
	}
	needProgram(t, "prosody")
	binary := builtProgram(t)
	for name, uri := range databases {
		t.Run(name, func(t *testing.T) { mainJob(t, binary, startProsody(t), uri, map[string]any{"unread-messages": 1.0}) })
	}
}

// TestThroughEjabberd is the same with ejabberd, which counts no messages.
func TestThroughEjabberd(t *testing.T) {
	needProgram(t, "ejabberdctl")
	mainJob(t, builtProgram(t), startEjabberd(t), "jdbc:sqlite:data/tpush.db", map[string]any{"unread-messages": nil})
}

// mainJob registers a device through the server and looks at its pushes: before
// and after a restart of the program, and of the server.
func mainJob(t *testing.T, binary string, server *server, databaseURI string, payload map[string]any) {
	apns, err := apnstest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(apns.Close)
	home := installation(t, apns, databaseURI, server.components)
	runTpush(t, binary, home, "schema", "install")
	p := start(t, binary, home)
	// One token for each run: the database may be there from an earlier one.
	token := fmt.Sprintf("%064X", time.Now().UnixNano())

	alice := logIn(t, server, "alice")
	var info struct {
		Features []struct {
			Var string `xml:"var,attr"`
		} `xml:"feature"`
	}
	alice.request(stanza.GetIQ, "push.a.test", "<query xmlns='http://jabber.org/protocol/disco#info'/>", &info)
	if text := fmt.Sprint(info); !strings.Contains(text, "urn:xmpp:push:0") || !strings.Contains(text, "apns-binary-api") {
		t.Errorf("features %s", text)
	}
	var registered command
	alice.request(stanza.SetIQ, "push.a.test", deviceRequest("register-device", token), &registered)
	node := registered.field("node")
	if registered.Status != "completed" || node == "" {
		t.Fatalf("register-device answered %+v", registered)
	}
	alice.request(stanza.SetIQ, "", "<enable xmlns='urn:xmpp:push:0' jid='push.a.test' node='"+node+"'/>", &struct{}{})
	alice.logOut()

	say := func(body string) {
		bob := logIn(t, server, "bob")
		defer bob.logOut()
		bob.say("alice@a.test", body)
		expectPush(t, apns, token, body, payload)
	}
	say("See you at noon")

	p.stop()
	p = start(t, binary, home)
	say("after a restart of tpush")

	connects := strings.Count(p.log.String(), "msg=connected bean=ext")
	server.stop()
	server.restart(t)
	eventually(t, "tpush is connected again", func() bool { return strings.Count(p.log.String(), "msg=connected bean=ext") > connects })
	say("after a restart of the server")

	alice = logIn(t, server, "alice")
	defer alice.logOut()
	var unregistered command
	alice.request(stanza.SetIQ, "push.a.test", deviceRequest("unregister-device", token), &unregistered)
	if unregistered.Status != "completed" {
		t.Errorf("unregister-device answered %+v", unregistered)
	}
}

func deviceRequest(command, token string) string {
	return "<command xmlns='http://jabber.org/protocol/commands' node='" + command + "'><x xmlns='jabber:x:data' type='submit'>" +
		"<field var='provider'><value>apns-binary-api</value></field><field var='device-token'><value>" + token + "</value></field></x></command>"
}

// expectPush waits for a push and compares all of it.
func expectPush(t *testing.T, apns *apnstest.Server, token, body string, payload map[string]any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	push, err := apns.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the push that arrived: %s\n%v\n%s", push.Path, push.Header, push.Payload)
	if push.Status != 200 || push.Token != token {
		t.Errorf("status %d %s, token %s", push.Status, push.Reason, push.Token)
	}
	for name, want := range map[string]string{"apns-topic": "com.bundle.id", "apns-push-type": "alert", "apns-priority": "10", "apns-collapse-id": push.Header.Get("apns-id")} {
		if got := push.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	var got map[string]any
	if err := json.Unmarshal(push.Payload, &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range payload {
		if got[key] != want {
			t.Errorf("%s: %v, want %v", key, got[key], want)
		}
	}
	for key, want := range map[string]any{"account": "alice@a.test", "body": body} {
		if got[key] != want {
			t.Errorf("%s: %v, want %v", key, got[key], want)
		}
	}
	if sender, _ := got["sender"].(string); !strings.HasPrefix(sender, "bob@a.test/") {
		t.Errorf("sender %q", sender)
	}
	if alert := got["aps"].(map[string]any)["alert"]; alert != "bob: "+body {
		t.Errorf("alert %v", alert)
	}
}

// TestBench offers more publishes at once than the program works on at a time:
// each is answered, and each arrives once, as do the 50 before the measurement.
func TestBench(t *testing.T) {
	out, err := exec.Command(builtProgram(t), "bench", "--accounts", "50", "--pushes", "3000", "--window", "3000", "--latency", "1ms", "--rounds", "2", "--json").Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var report benchReport
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Programs["tpush"] {
		if r.Answers["result"] != 3000 || r.Arrived["200"] != 3050 || r.CPU <= 0 || r.P50 < time.Millisecond || r.PeakRSS == 0 {
			t.Errorf("%s", out)
		}
	}
	if len(report.Programs["tpush"]) != 2 {
		t.Errorf("%d rounds, want 2", len(report.Programs["tpush"]))
	}
}
