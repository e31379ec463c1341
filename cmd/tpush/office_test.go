package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tpush/tpush/component/ext/exttest"
	"github.com/tpush/tpush/component/xmpp"
	"mellium.im/xmpp/stanza"
)

// office is the program as it is run, between simulators, with all that it
// serves over HTTP.
type office struct {
	t                      *testing.T
	server                 *exttest.Server
	sim                    *simulators
	home                   string
	plain, tls, management int // ports
	program                *program
	id                     atomic.Int64
}

const officeToken = "t0ken-of-the-page"

// officeConfig is what the office runs on.
const officeConfig = demoConfig + `
http () {
    rest {
        'requests-per-minute' = 1000
    }
    management {
        listen = '127.0.0.1:%d'
        token = '` + officeToken + `'
    }
}
httpServer () {
    connections {
        ports = [ %d ]
        %d () {
            socket = 'ssl'
            domain = 'push.example.com'
        }
    }
}
`

func newOffice(t *testing.T) *office {
	t.Helper()
	return newOfficeAt(t, freePort(t), freePort(t), freePort(t))
}

// newOfficeAt is newOffice with chosen ports.
func newOfficeAt(t *testing.T, plain, tls, management int) *office {
	t.Helper()
	o := &office{t: t, home: t.TempDir(), plain: plain, tls: tls, management: management}
	var err error
	if o.server, err = exttest.New(exttest.Options{Secrets: map[string]string{demoDomain: demoSecret}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.server.Close)
	if o.sim, err = openSimulators(o.home); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.sim.close)
	config := fmt.Sprintf(officeConfig, demoDomain, demoSecret, o.server.Port(), demoTopic, o.sim.apns.Addr(), o.sim.fcm.Endpoint(), o.management, o.plain, o.tls)
	handler, err := os.ReadFile(filepath.Join("..", "..", "etc", "UnregisterDeviceHandler.groovy"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"etc/config.tdsl": config, "scripts/rest/push/UnregisterDeviceHandler.groovy": string(handler)} {
		file := filepath.Join(o.home, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writeCertificate(t, filepath.Join(o.home, "certs", "push.example.com.pem"), "push.example.com")
	return o
}

// run starts the program.
func (o *office) run() {
	o.t.Helper()
	o.program = start(o.t, builtProgram(o.t), o.home)
	if err := o.server.Wait(limit(o.t.Context(), 20*time.Second), demoDomain, 1); err != nil {
		o.t.Fatal(err)
	}
}

// request sends a request as the XMPP server does and returns the answer.
func (o *office) request(from, payload string) string {
	o.t.Helper()
	q := &xmpp.IQ{Type: stanza.SetIQ, ID: fmt.Sprint("o", o.id.Add(1)), From: from, To: demoDomain, Name: xml.Name{Local: "x"}, Children: 1, Payload: []byte(payload)}
	ctx, cancel := context.WithTimeout(o.t.Context(), 30*time.Second)
	defer cancel()
	e, err := o.server.Request(ctx, demoDomain, q)
	if err != nil {
		o.t.Error(err)
		return ""
	}
	return string(e.Payload)
}

// register registers a device and returns its node.
func (o *office) register(user, provider, token string) string {
	o.t.Helper()
	answer := o.request(user+"/phone", demoForm("register-device", provider, token, ""))
	_, rest, _ := strings.Cut(answer, `var="node" type="text-single"><value>`)
	node, _, ok := strings.Cut(rest, "<")
	if !ok {
		o.t.Fatalf("register-device answered %s", answer)
	}
	return node
}

// load publishes to the nodes in turn until it is stopped, some at a time.
func (o *office) load(nodes []string) (stop func()) {
	ctx, cancel := context.WithCancel(o.t.Context())
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := worker; ctx.Err() == nil; i += 4 {
				payload := demoMessage
				if i%3 == 0 {
					payload = demoEncrypted
				}
				o.request(demoServer, demoPublish(nodes[i%len(nodes)], payload))
			}
		})
	}
	return func() { cancel(); all.Wait() }
}
