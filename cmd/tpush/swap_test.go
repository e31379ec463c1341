package main

import (
	"context"
	"crypto/sha1"
	"database/sql"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/component/ext/exttest"
	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/providers/apns/apnstest"
	"github.com/tpush/tpush/repository"
	"mellium.im/xmpp/stanza"
)

// swapForm is a form in which installations are configured.
type swapForm struct {
	name    string
	service string // the component's address
	apns    string // provider ids
	fcm     string
	config  string // with places for the data source, APNs' address, the topic, FCM's endpoint
	items   string // etc/externalComponentItems, with the port; empty: the server's list in the database
	stored  bool   // the certificate is in the database
}

var swapForms = []swapForm{
	// As the guide has it: the beans' own names, the certificate by command, the
	// connection from the item that was added in the server.
	{name: "guide", service: "push.example.test", apns: "apns-binary-api", fcm: "fcm-xmpp-api", stored: true, config: `
'default-virtual-host' = [ 'example.test' ]
'cluster-mode' = false
dataSource () {
    default () {
        uri = '%s'
    }
}
userRepository {
    default () {}
}
ext () {}
c2s () {}
push () {
    'apns-binary-api' () {
        'apns-topic' = '%[3]s'
        host = '%[2]s'
        'ca-file' = 'apns-ca.pem'
    }
    'fcm-xmpp-api' () {
        'sender-id' = 'your-sender-id'
        'server-key' = 'your-server-key'
        'service-account-file' = 'service-account.json'
        endpoint = '%[4]s'
    }
}
`},
	// As a public production file has it: a component of its own name, provider
	// ids that the app has chosen, files, and the item in its file.
	{name: "production", service: "ios.push.example.test", apns: "snikket:apns:1", fcm: "snikket:fcm:1", items: "%s:s3cret-component:connect:%d:127.0.0.1:accept\n", config: `
admins = [ 'admin@example.test' ]
'config-type' = 'component'
'default-virtual-host' = 'ios.push.example.test'
dataSource () { default () { uri = '%s', }, }
userRepository { default () {} }
ext () {}
'push-ios' (class: tigase.push.PushNotificationsComponent) {
    'snikket:apns:1' (class: tigase.push.apns.APNsBinaryApiProvider) {
        'cert-file' = 'apns-cert.p12'
        'cert-password' = 'Pa$$w0rd'
        'apns-topic' = '%[3]s'
        'pushkit-cert-file' = 'apns-cert.p12'
        fallbackToSandbox = true
        host = '%[2]s'
        'ca-file' = 'apns-ca.pem'
    }
    'snikket:fcm:1' (class: tigase.push.fcm.FcmHttpV1Provider) {
        'service-account-file' = 'service-account.json'
        endpoint = '%[4]s'
    }
}
`},
}

// TestSwap puts the program in the place of Tigase's component: on a database as
// that leaves it and on its configuration, with one command. All devices get
// their pushes, and nothing is changed but what was sent and dropped.
func TestSwap(t *testing.T) {
	uris := map[string]string{"sqlite": ""}
	if uri := os.Getenv("TPUSH_TEST_MYSQL_URI"); uri != "" {
		uris["mysql"] = uri
	} else if os.Getenv("TPUSH_INTEGRATION") != "" {
		t.Error("TPUSH_TEST_MYSQL_URI names no database (scripts/test starts one)")
	}
	binary := builtProgram(t)
	for engine, uri := range uris {
		for _, form := range swapForms {
			t.Run(engine+"/"+form.name, func(t *testing.T) {
				t.Parallel() // most of it is waiting
				s := newSwap(t, binary, form, uri)
				s.asJavaLeavesIt()
				s.run()
			})
		}
	}
}

// swap is one installation around the program.
type swap struct {
	*scripted
	form swapForm
	uri  string // JDBC
	db   *sql.DB
	sim  *simulators
	srv  *exttest.Server
}

func newSwap(t *testing.T, binary string, form swapForm, uri string) *swap {
	t.Helper()
	s := &swap{scripted: newScripted(t), form: form}
	program, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	s.write("tpush", string(program))
	s.openDatabase(uri)
	if s.sim, err = openSimulators(s.home); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.sim.close)
	if s.srv, err = exttest.New(exttest.Options{Secrets: map[string]string{form.service: "s3cret-component"}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.srv.Close)
	s.write("etc/config.tdsl", fmt.Sprintf(form.config, s.uri, s.sim.apns.Addr(), demoTopic, s.sim.fcm.Endpoint()))
	if form.items != "" {
		s.write("etc/externalComponentItems", fmt.Sprintf(form.items, form.service, s.srv.Port()))
	}
	for name, text := range map[string]string{"etc/tigase.conf": "JAVA_OPTIONS=-Xmx1G\n", "logs/tigase.log.0": "a line\n", "logs/tigase.pid": "1\n", "logs/tigase-console.log": ""} {
		s.write(name, text)
	}
	return s
}

// openDatabase opens a database of its own: an embedded one, or one on the
// server of the URI.
func (s *swap) openDatabase(uri string) {
	s.t.Helper()
	var err error
	if uri == "" {
		s.uri = "jdbc:sqlite:data/tpush.db"
		if err := os.Mkdir(filepath.Join(s.home, "data"), 0o700); err != nil {
			s.t.Fatal(err)
		}
		s.db, err = sql.Open("sqlite", filepath.Join(s.home, "data", "tpush.db"))
	} else {
		var dsn string
		s.uri, dsn = ownMySQL(s.t, uri)
		s.db, err = sql.Open("mysql", dsn)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { s.db.Close() })
}

// ownMySQL makes a database on the server of a JDBC URI, for this test alone,
// and returns its JDBC URI and its name for Go's driver.
func ownMySQL(t *testing.T, uri string) (jdbc, dsn string) {
	t.Helper()
	u, err := url.Parse(strings.TrimPrefix(uri, "jdbc:"))
	if err != nil {
		t.Fatal(err)
	}
	login := u.Query().Get("user") + ":" + u.Query().Get("password") + "@tcp(" + u.Host + ")/"
	name := fmt.Sprintf("own%d", time.Now().UnixNano())
	mustExec(t, "mysql", login, "CREATE DATABASE "+name+" CHARACTER SET utf8mb4")
	t.Cleanup(func() { mustExec(t, "mysql", login, "DROP DATABASE "+name) })
	return strings.Replace(uri, u.Path+"?", "/"+name+"?", 1) + "&useSSL=false", login + name
}

func mustExec(t *testing.T, driver, dsn, query string) {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// javaDevice is a row of the Java component's.
type javaDevice struct{ account, node, provider, token string }

func (s *swap) devices() []javaDevice {
	apns := func(n int) string { return strings.Repeat(fmt.Sprintf("%02X", n), 32) }
	fcm := func(n int) string { return fmt.Sprintf("fcm-Registration_token-%d:%s", n, strings.Repeat("Ab1", 40)) }
	return []javaDevice{
		{"ala@example.test", "5f0e3c8a-shared", s.form.apns, apns(0xA1)}, // two devices behind one node
		{"ala@example.test", "5f0e3c8a-shared", s.form.fcm, fcm(1)},
		{"ola@example.test", "0b9d7a52-one", s.form.apns, apns(0xB2)},
		{"ola@example.test", "9c1f0e64-two", s.form.fcm, fcm(2)},
		{"ela@example.test", "7d5a-gone", s.form.apns, apns(0xC3)}, // uninstalled
	}
}

// asJavaLeavesIt fills the database: Tigase's tables with accounts, the
// connection item and push registrations, the certificate, and the component's
// own table; nothing of ours.
func (s *swap) asJavaLeavesIt() {
	s.t.Helper()
	s.tpush("schema", "install")
	if s.form.stored {
		s.tpush("certificate", "set", s.form.apns, "apns-cert.p12", "--password-env", "CERT_PASSWORD")
	}
	cfg := repository.Defaults()
	cfg.URI = s.uri
	ds, err := repository.Open("default", cfg, s.home, slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	defer ds.Close()
	users := repository.NewUsers(ds)
	item := fmt.Sprintf(`<item lb-class="tigase.server.ext.lb.ReceiverBareJidLB" type="accept" domain="%s" pass="s3cret-component" port="%d" socket="plain"/>`, s.form.service, s.srv.Port())
	for user, data := range map[string][3]string{
		"ext-comp-manager": {"", "server-default-items-list", item},
		"ala@example.test": {"urn:xmpp:push:0", s.form.service + "/5f0e3c8a-shared", `<settings jid="` + s.form.service + `" node="5f0e3c8a-shared" createdAt="2026-11-22T19:50:20Z"/>`},
		"ola@example.test": {"urn:xmpp:push:0", s.form.service + "/0b9d7a52-one", `<settings jid="` + s.form.service + `" node="0b9d7a52-one" createdAt="2026-11-22T19:50:20Z"/>`},
	} {
		if err := users.AddUser(s.t.Context(), user); err != nil {
			s.t.Fatal(err)
		}
		if err := users.SetData(s.t.Context(), user, data[0], data[1], data[2]); err != nil {
			s.t.Fatal(err)
		}
	}
	for _, own := range []string{"DROP TABLE tig_push_device_data", "DROP TABLE tig_push_tombstones", "DELETE FROM tig_schema_versions WHERE component = 'push-go'"} {
		if _, err := s.db.Exec(own); err != nil {
			s.t.Fatal(err)
		}
	}
	if strings.HasPrefix(s.uri, "jdbc:sqlite:") { // whose own table has more than Java's
		for _, statement := range []string{"DROP TABLE tig_push_devices", `CREATE TABLE tig_push_devices (
			service_jid TEXT NOT NULL, service_jid_sha1 TEXT NOT NULL, user_jid TEXT NOT NULL, user_jid_sha1 TEXT NOT NULL,
			node TEXT NOT NULL, node_sha1 TEXT NOT NULL, provider TEXT NOT NULL, device_id TEXT NOT NULL, device_id_sha1 TEXT NOT NULL,
			PRIMARY KEY (service_jid_sha1, user_jid_sha1, provider, device_id_sha1))`} {
			if _, err := s.db.Exec(statement); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	for _, d := range s.devices() {
		if _, err := s.db.Exec(`INSERT INTO tig_push_devices (service_jid, service_jid_sha1, user_jid, user_jid_sha1, node, node_sha1, provider, device_id, device_id_sha1)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, s.form.service, sha1Hex(s.form.service), d.account, sha1Hex(d.account), d.node, sha1Hex(d.node), d.provider, d.token, sha1Hex(d.token)); err != nil {
			s.t.Fatal(err)
		}
	}
}

func sha1Hex(text string) string {
	sum := sha1.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// tpush runs a command of the program.
func (s *swap) tpush(args ...string) string {
	s.t.Helper()
	cmd := exec.Command(filepath.Join(s.home, "tpush"), args...)
	cmd.Dir, cmd.Env = s.home, append(os.Environ(), "CERT_PASSWORD=Pa$$w0rd")
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("tpush %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// run is the swap itself.
func (s *swap) run() {
	s.t.Helper()
	dead := s.devices()[4].token
	s.sim.apns.Script(dead, apnstest.Answer{Status: 410, Reason: "Unregistered", Since: time.Now()})
	before := s.content()

	out, code := s.scripted.run("start")
	if code != 0 {
		s.t.Fatalf("start: exit code %d\n%s", code, out)
	}
	s.t.Cleanup(func() {
		if s.t.Failed() {
			s.t.Logf("console log:\n%s", s.read("logs/tpush-console.log"))
		}
	})
	s.t.Log(strings.TrimSpace(out))
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	if err := s.srv.Wait(ctx, s.form.service, 1); err != nil {
		s.t.Fatalf("the component does not connect: %v", err)
	}
	s.publishAll(ctx)
	if log := s.read("logs/tpush-console.log"); strings.Contains(log, "another service JID") {
		s.t.Errorf("the log has devices of another service JID:\n%s", log)
	}
	s.t.Log(strings.TrimSpace(s.tpush("explain", "ela@example.test")))
	doctor := exec.Command(filepath.Join(s.home, "tpush"), "doctor")
	doctor.Dir = s.home
	report, _ := doctor.CombinedOutput() // the names of this test do not resolve: a warning
	s.t.Logf("%s", report)
	if code := doctor.ProcessState.ExitCode(); code != 0 || strings.Contains(string(report), "✗") {
		s.t.Errorf("doctor: exit code %d", code)
	}
	out, code = s.scripted.run("stop")
	if code != 0 || !strings.Contains(out, "terminated") {
		s.t.Errorf("stop: exit code %d\n%s", code, out)
	}
	s.t.Log(strings.TrimSpace(out))
	s.compare(before, s.content(), dead)
	for name, want := range map[string]string{"etc/tigase.conf": "JAVA_OPTIONS=-Xmx1G\n", "logs/tigase.log.0": "a line\n", "logs/tigase.pid": "1\n", "logs/tigase-console.log": ""} {
		if got := s.read(name); got != want {
			s.t.Errorf("%s of Tigase has now %q", name, got)
		}
	}
	if s.form.items != "" {
		s.read("etc/externalComponentItems") // is still there
	}
}

// publishAll publishes to every node and waits for what has to arrive.
func (s *swap) publishAll(ctx context.Context) {
	s.t.Helper()
	want := map[string]bool{}
	nodes := map[string]string{}
	for _, d := range s.devices() {
		nodes[d.node] = "result"
		want[d.token] = true
	}
	nodes["7d5a-gone"] = "error"
	for node, answer := range nodes {
		q := &xmpp.IQ{Type: stanza.SetIQ, ID: "p-" + node, From: "example.test", To: s.form.service, Name: xml.Name{Local: "pubsub"}, Children: 1, Payload: []byte(demoPublish(node, demoMessage))}
		el, err := s.srv.Request(ctx, s.form.service, q)
		if err != nil {
			s.t.Fatalf("publish to %s: %v", node, err)
		}
		if got := string(el.IQ().Type); got != answer {
			s.t.Errorf("publish to %s: answer %s, want %s", node, got, answer)
		}
	}
	got := map[string]bool{}
	for _, p := range s.sim.apns.Pushes() {
		got[p.Token] = true
	}
	for range 2 {
		m, err := s.sim.fcm.Next(ctx)
		if err != nil {
			s.t.Fatal(err)
		}
		got[m.Token] = true
	}
	for token := range want {
		if !got[token] && !got[strings.ToLower(token)] {
			s.t.Errorf("no push arrived at %.20s…", token)
		}
	}
}
