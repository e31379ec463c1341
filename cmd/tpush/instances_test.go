package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tpush/tpush/component/ext/exttest"
	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/providers/apns/apnstest"
	"github.com/tpush/tpush/repository"
	"mellium.im/xmpp/stanza"
)

// instance is the program with an XMPP server of its own.
type instance struct {
	t      *testing.T
	server *exttest.Server
}

const instanceDomain = "push.a.test"

// startInstance runs the program on a database that others use, too.
func startInstance(t *testing.T, binary string, apns *apnstest.Server, uri string) *instance {
	t.Helper()
	server := newExtServer(t)
	home := installation(t, apns, uri, server.Port())
	runTpush(t, binary, home, "schema", "install")
	start(t, binary, home)
	wait, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	if err := server.Wait(wait, instanceDomain, 1); err != nil {
		t.Fatal(err)
	}
	return &instance{t, server}
}

func newExtServer(t *testing.T) *exttest.Server {
	t.Helper()
	server, err := exttest.New(exttest.Options{Secrets: map[string]string{instanceDomain: "s3cret"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

func runTpush(t *testing.T, binary, home string, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir = home
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// ask sends a request and returns the answer's text.
func (i *instance) ask(id, from, payload string) string {
	ctx, cancel := context.WithTimeout(i.t.Context(), 30*time.Second)
	defer cancel()
	q := &xmpp.IQ{Type: stanza.SetIQ, ID: id, From: from, To: instanceDomain, Name: xml.Name{Local: "x"}, Children: 1, Payload: []byte(payload)}
	answer, err := i.server.Request(ctx, instanceDomain, q)
	if err != nil {
		i.t.Errorf("%s of %s: %v", id, from, err)
		return ""
	}
	return answer.Type + " " + string(answer.Payload)
}

// register registers a device and returns its node.
func (i *instance) register(id, account, token string) string {
	answer := i.ask(id, account+"/phone", deviceRequest("register-device", token))
	_, rest, _ := strings.Cut(answer, `var="node"`)
	_, rest, _ = strings.Cut(rest, "<value>")
	node, _, ok := strings.Cut(rest, "</value>")
	if !ok {
		i.t.Errorf("no node in %s", answer)
	}
	return node
}

// publish is what the account's server sends.
func (i *instance) publish(id, account, node string) string {
	return i.ask(id+account, "a.test", "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='"+node+"'><item><notification xmlns='urn:xmpp:push:0'>"+
		"<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:push:summary</value></field>"+
		"<field var='last-message-body'><value>hello</value></field></x></notification></item></publish></pubsub>")
}

// TestTwoInstances lets two programs on one database register, unregister and
// publish at once.
func TestTwoInstances(t *testing.T) {
	needIntegration(t)
	binary := builtProgram(t)
	for name, variable := range map[string]string{"sqlite": "", "mysql": "TPUSH_TEST_MYSQL_URI", "postgresql": "TPUSH_TEST_POSTGRES_URI"} {
		t.Run(name, func(t *testing.T) {
			uri := "jdbc:sqlite:" + filepath.Join(t.TempDir(), "shared.db")
			if variable != "" {
				if uri = os.Getenv(variable); uri == "" {
					t.Fatalf("%s names no database (scripts/test starts one)", variable)
				}
			}
			apns, err := apnstest.New()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(apns.Close)
			twoInstances(t, startInstance(t, binary, apns, uri), startInstance(t, binary, apns, uri))
		})
	}
}

func twoInstances(t *testing.T, a, b *instance) {
	const accounts = 40
	run := time.Now().UnixNano() // the database may be there from an earlier run
	var all sync.WaitGroup
	for n := range accounts {
		all.Go(func() {
			account := fmt.Sprintf("user%d-%d@a.test", n, run)
			token := fmt.Sprintf("%064X", run+int64(n))
			var node, other string
			var both sync.WaitGroup
			both.Go(func() { node = a.register("r1", account, token) })
			both.Go(func() { other = b.register("r2", account, token) })
			both.Wait()
			if node == "" || node != other {
				t.Errorf("%s: one instance says node %q, the other %q", account, node, other)
			}
			if answer := b.publish("p1", account, node); !strings.HasPrefix(answer, "result") {
				t.Errorf("publish: %s", answer)
			}
			if n%2 == 0 {
				return
			}
			if answer := b.ask("u1", account+"/phone", deviceRequest("unregister-device", token)); !strings.Contains(answer, "completed") {
				t.Errorf("unregister: %s", answer)
			}
			if answer := a.publish("p2", account, node); !strings.Contains(answer, "item-not-found") {
				t.Errorf("publish after unregister: %s", answer)
			}
			if again := a.register("r3", account, token); again == "" || again == node {
				t.Errorf("registered again after unregister with node %q", again)
			}
		})
	}
	all.Wait()
}

// TestItemsFromTheDatabase connects by what an admin of Tigase has entered
// there, and again when that changes.
func TestItemsFromTheDatabase(t *testing.T) {
	home := t.TempDir()
	server := newExtServer(t)
	ds, err := repository.Open("default", repository.Defaults(), home, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer ds.Close()
	ds.Use(repository.UserTables)
	if _, err := ds.InstallSchema(t.Context()); err != nil {
		t.Fatal(err)
	}
	item := fmt.Sprintf(`<item domain="%s" pass="s3cret" type="accept" port="%d" socket="plain" routings="%[1]s,.*@%[1]s" lb-class="tigase.server.ext.lb.ReceiverBareJidLB"/>`, instanceDomain, server.Port())
	if err := repository.NewUsers(ds).SetData(t.Context(), "ext-comp-manager", "", repository.ServerItems, item); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(home, "config.tdsl")
	if err := os.WriteFile(config, []byte("ext () {\n'server-host' = '127.0.0.1'\n}\npush () {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l := &log{}
	ended := make(chan error, 1)
	program := &runCommand{source: source{File: config, Home: home}, LogFormat: formatText, Drain: time.Second}
	go func() { ended <- program.serve(ctx, l) }()
	wait, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	if err := server.Wait(wait, instanceDomain, 1); err != nil {
		t.Errorf("%v\n%s", err, l)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
