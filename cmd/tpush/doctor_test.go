package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/component/ext/exttest"
	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/providers/apns/apnstest"
)

// patient is an installation for the doctor.
type patient struct {
	t    *testing.T
	home string
	sim  *simulators
	srv  *exttest.Server
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	p := &patient{t: t, home: t.TempDir()}
	var err error
	if p.sim, err = openSimulators(p.home); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.sim.close)
	if p.srv, err = exttest.New(exttest.Options{Secrets: map[string]string{demoDomain: demoSecret}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.srv.Close)
	return p
}

// config writes the demo's configuration with some texts replaced.
func (p *patient) config(replace ...string) {
	p.t.Helper()
	text := fmt.Sprintf(demoConfig, demoDomain, demoSecret, p.srv.Port(), demoTopic, p.sim.apns.Addr(), p.sim.fcm.Endpoint())
	text = strings.NewReplacer(replace...).Replace(text)
	if err := os.WriteFile(filepath.Join(p.home, "config.tdsl"), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// tpush runs a command on the installation.
func (p *patient) tpush(args ...string) (out string, code int) {
	p.t.Helper()
	var o, e strings.Builder
	code = run(append(args, "--home", p.home, "--config-file", filepath.Join(p.home, "config.tdsl")), streams{&o, &e})
	return o.String() + e.String(), code
}

// findings runs the doctor and returns what it finds, by subject.
func (p *patient) findings(code int) map[string][]diagnosis {
	p.t.Helper()
	out, got := p.tpush("doctor", "--json")
	if got != code {
		p.t.Errorf("exit code %d, want %d\n%s", got, code, out)
	}
	var all []diagnosis
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		p.t.Fatalf("%v\n%s", err, out)
	}
	by := map[string][]diagnosis{}
	for _, d := range all {
		if d.Mark != well && d.Cure == "" && d.Subject != subjectConfig {
			p.t.Errorf("no cure for %q", d.Text)
		}
		by[d.Subject] = append(by[d.Subject], d)
	}
	return by
}

// has looks for a finding.
func has(all []diagnosis, m mark, text string) bool {
	for _, d := range all {
		if d.Mark == m && strings.Contains(d.Text, text) {
			return true
		}
	}
	return false
}

func TestDoctor(t *testing.T) {
	type want struct {
		subject string
		mark    mark
		text    string
	}
	rows := []struct {
		name    string
		replace []string // in the configuration
		prepare func(*patient)
		code    int
		want    []want
	}{
		{name: "healthy", want: []want{
			{subjectConfig, well, "providers: push/tigase:messenger:apns:1, push/fcm-http-v1"},
			{subjectProcess, warning, "does not run here"},
			{subjectDatabase, warning, "lacks table tig_schema_versions"},
			{subjectServer, well, "takes the component and its secret"},
			{subjectCredentials, well, "topics com.example.app, com.example.app.voip; for production only"},
			{subjectPush, well, "tigase:messenger:apns:1: APNs answers"},
			{subjectPush, well, "fcm-http-v1: FCM answers"},
			{subjectHTTP, well, "no port"},
		}},
		{name: "wrong secret", replace: []string{demoSecret, "another"}, code: exitFailed, want: []want{{subjectServer, ill, demoDomain}}},
		{name: "no server", replace: []string{":127.0.0.1:accept", ":127.0.0.2:accept"}, code: exitFailed, want: []want{{subjectServer, ill, "connection refused"}}},
		{name: "no item", replace: []string{"items = [", "# items = ["}, code: exitFailed, want: []want{{subjectServer, ill, "no connection item"}}},
		{name: "wrong password of the certificate", replace: []string{"Pa$$w0rd", "wrong"}, code: exitFailed, want: []want{{subjectConfig, ill, "password"}}},
		{name: "APNs away", prepare: func(p *patient) { p.sim.apns.Close() }, code: exitFailed, want: []want{{subjectPush, ill, "APNs gives no answer"}, {subjectPush, well, "FCM answers"}}},
		{name: "APNs refuses", prepare: func(p *patient) {
			p.sim.apns.Script(strings.Repeat("0", 64), apnstest.Answer{Status: 403, Reason: "BadCertificate"})
		}, code: exitFailed, want: []want{{subjectPush, ill, "APNs refuses the credentials"}}},
		{name: "no database", replace: []string{"ext () {", "dataSource {\n    default () {\n        uri = 'jdbc:mysql://127.0.0.1:1/x?user=u&password=hunter2'\n    }\n}\next () {"}, code: exitFailed,
			want: []want{{subjectDatabase, ill, "database 'x'"}, {subjectServer, well, "takes the component"}}},
		{name: "tables that nobody may create", replace: []string{"ext () {", "dataSource {\n    default () {\n        uri = 'jdbc:sqlite:data/tpush.db'\n        'schema-management' = false\n    }\n}\next () {"}, code: exitFailed,
			want: []want{{subjectDatabase, ill, "lacks table tig_schema_versions"}}},
		{name: "a table that takes no devices", prepare: func(p *patient) {
			p.sql("CREATE TABLE tig_push_devices (service_jid text NOT NULL, user_jid text NOT NULL, node text NOT NULL, provider text NOT NULL, device_id text NOT NULL, colour text NOT NULL)")
			p.tpush("schema", "install")
		}, code: exitFailed, want: []want{{subjectDatabase, ill, "columns colour"}}},
		{name: "does not start", replace: []string{"push () {", "push () {\n    contentless = 'loud'"}, code: exitFailed, want: []want{{subjectConfig, ill, "does not start"}}},
		{name: "devices nobody reaches", prepare: func(p *patient) {
			p.devices(`{"service":"`+demoDomain+`","account":"a@example.com","node":"n","provider":"fcm-xmpp-api","token":"t"}`,
				`{"service":"old.example.com","account":"a@example.com","node":"n2","provider":"fcm-http-v1","token":"t2"}`)
		}, code: exitFailed, want: []want{
			{subjectDatabase, ill, "1 device of fcm-xmpp-api under " + demoDomain + ": no provider of that id works"},
			{subjectDatabase, warning, "1 device of fcm-http-v1 under old.example.com: this configuration does not serve that address"},
		}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel() // most of it is waiting for names that do not resolve
			p := newPatient(t)
			p.config(row.replace...)
			if row.prepare != nil {
				row.prepare(p)
			}
			got := p.findings(row.code)
			for _, w := range row.want {
				if !has(got[w.subject], w.mark, w.text) {
					t.Errorf("no %s about %s with %q among %+v", w.mark, w.subject, w.text, got[w.subject])
				}
			}
			if text := fmt.Sprint(got); strings.Contains(text, "hunter2") || strings.Contains(text, "Pa$$w0rd") {
				t.Error("a password is shown")
			}
		})
	}
}

// sql runs a statement on the embedded database.
func (p *patient) sql(statement string) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Join(p.home, "data"), 0o700); err != nil {
		p.t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(p.home, "data", "tpush.db"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		p.t.Fatal(err)
	}
}

// devices imports devices.
func (p *patient) devices(lines ...string) {
	p.t.Helper()
	file := filepath.Join(p.home, "devices.jsonl")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if out, code := p.tpush("devices", "import", file); code != exitGood {
		p.t.Fatalf("import: exit code %d\n%s", code, out)
	}
}

// TestDoctorMarks prints for people.
func TestDoctorMarks(t *testing.T) {
	var b strings.Builder
	p := newDoctorPage(&b)
	p.print(diagnosis{"A", well, "one", ""})
	p.print(diagnosis{"A", warning, "two", "do it"})
	p.print(diagnosis{"B", ill, "three", ""})
	if want := "A\n  ✓ one\n  ! two\n      → do it\nB\n  ✗ three\n"; b.String() != want {
		t.Errorf("got %q", b.String())
	}
}

// TestDoctorJudges is what the answers of push services mean.
func TestDoctorJudges(t *testing.T) {
	for _, row := range []struct {
		err  error
		want mark
	}{
		{nil, well},
		{&providers.Error{Kind: providers.Doubtful, Status: 400}, well},
		{&providers.Error{Kind: providers.Gone, Status: 410}, well},
		{&providers.Error{Kind: providers.Refused, Status: 400}, well},
		{&providers.Error{Kind: providers.Refused}, ill},
		{&providers.Error{Kind: providers.Unauthorized, Status: 403}, ill},
		{&providers.Error{Kind: providers.Temporary}, ill},
		{fmt.Errorf("dial: no route"), ill},
	} {
		var got mark
		d := &doctor{say: func(x diagnosis) { got = x.Mark }}
		d.pushService(providers.Info{ID: "p", Label: "APNs"}, row.err, time.Millisecond)
		if got != row.want {
			t.Errorf("%v: %s, want %s", row.err, got, row.want)
		}
	}
}

// TestDoctorWithServers asks real servers what they are.
func TestDoctorWithServers(t *testing.T) {
	for _, row := range []struct {
		name, program, dns string
		start              func(*testing.T) *server
		mark               mark
	}{
		{"Prosody", "prosody", "Prosody needs no record", startProsody, well},
		{"ejabberd", "ejabberdctl", "push.a.test does not resolve here", startEjabberd, warning},
	} {
		t.Run(row.name, func(t *testing.T) {
			needProgram(t, row.program)
			apns, err := apnstest.New()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(apns.Close)
			home := installation(t, apns, "jdbc:sqlite:data/tpush.db", row.start(t).components)
			var out, errs strings.Builder
			code := run([]string{"doctor", "--json", "--home", home, "--config-file", filepath.Join(home, "etc/config.tdsl")}, streams{&out, &errs})
			var all []diagnosis
			if err := json.Unmarshal([]byte(out.String()), &all); err != nil || code != exitGood {
				t.Fatalf("exit code %d, %v, %s%s", code, err, out.String(), errs.String())
			}
			by := map[string][]diagnosis{}
			for _, d := range all {
				by[d.Subject] = append(by[d.Subject], d)
			}
			if !has(by[subjectServer], well, row.name) {
				t.Errorf("%s: %+v", row.name, by[subjectServer])
			}
			if !has(by[subjectDNS], row.mark, row.dns) {
				t.Errorf("%s: %+v", row.name, by[subjectDNS])
			}
		})
	}
}
