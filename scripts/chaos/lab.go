//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tpush/tpush/component/ext/exttest"
	"github.com/tpush/tpush/providers/apns/apnstest"
	"github.com/tpush/tpush/providers/fcm/fcmtest"
)

const (
	domain    = "push.example.com"
	secret    = "s3cret"
	topic     = "com.example.app"
	byCert    = "apns-binary-api"
	byKey     = "apns-by-key"
	google    = "fcm-http-v1"
	password  = "Pa$$w0rd"
	diskBytes = 48 << 20
)

// config is the program's. All names but those of the services themselves are
// looked up by DNS.
const config = `dataSource {
    default () {
        uri = '%[1]s'
    }
}
ext () {
    items = [ 'push.example.com:s3cret:connect:%[2]d:xmpp.test:accept' ]
}
push () {
    'apns-binary-api' () {
        'cert-file' = '%[7]s/apns-cert.p12'
        'cert-password' = 'Pa$$w0rd'
        'apns-topic' = 'com.example.app'
        host = 'apns.test:%[3]d'
        'ca-file' = '%[7]s/apns-ca.pem'
    }
    'apns-by-key' (class: tigase.push.apns.APNsBinaryApiProvider) {
        'p8-file' = '%[7]s/key.p8'
        'p8-key-id' = 'ABC123DEFG'
        'p8-team-id' = 'DEF123GHIJ'
        'apns-topic' = 'com.example.app'
        host = 'apns.test:%[4]d'
        'ca-file' = '%[7]s/apns-ca.pem'
    }
    'fcm-http-v1' () {
        'service-account-file' = '%[7]s/service-account.json'
        endpoint = 'http://fcm.test:%[5]d/v1'
    }
}
http () {
    management {
        listen = '%[6]s'
    }
}
`

// lab is the programs with everything around them.
type lab struct {
	work      string // folder of this run
	disk      string // a small disk of its own, with the programs' folders
	instances []*instance
	apns      *apnstest.Server
	fcm       *fcmtest.Server
	dns       *resolver
	// Between the programs and their peers.
	toCert, toKey, toGoogle *proxy

	databases   []*process // none: SQLite
	toDatabases []*proxy
}

// instance is one running program with an XMPP server of its own.
type instance struct {
	page     string // host:port of the program's metrics
	server   *exttest.Server
	toServer *proxy
	program  *process
}

// open starts all but the load. The program's binary, the kind of database and
// the number of programs are given.
func (b *lab) open(ctx context.Context, binary, kind string, programs int) (err error) {
	if b.work, err = os.MkdirTemp("", "tpush-chaos-"); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	// The database's processes are another user's.
	if err = os.Chmod(b.work, 0o711); err != nil {
		return err
	}
	b.disk = filepath.Join(b.work, "disk")
	if err = os.Mkdir(b.disk, 0o755); err != nil {
		return err
	}
	if err = syscall.Mount("tpush-chaos", b.disk, "tmpfs", 0, fmt.Sprintf("size=%d", diskBytes)); err != nil {
		return fmt.Errorf("mount a small disk: %w", err)
	}
	if b.dns, err = newResolver(filepath.Join(b.work, "resolv.conf")); err != nil {
		return err
	}
	if err = b.openPeers(); err != nil {
		return err
	}
	switch kind {
	case "mysql":
		err = b.openDatabase(ctx)
	case "galera":
		err = b.openCluster(ctx)
	}
	if err != nil {
		return err
	}
	for n := range programs {
		if err := b.openInstance(ctx, binary, n); err != nil {
			return err
		}
	}
	return b.connected(ctx)
}

// openInstance starts the n-th program.
func (b *lab) openInstance(ctx context.Context, binary string, n int) (err error) {
	i := new(instance)
	b.instances = append(b.instances, i)
	if i.server, err = exttest.New(exttest.Options{Secrets: map[string]string{domain: secret}}); err != nil {
		return err
	}
	if i.toServer, err = newProxy(fmt.Sprintf("127.0.0.1:%d", i.server.Port())); err != nil {
		return err
	}
	if i.page, err = freeAddress(); err != nil {
		return err
	}
	home := filepath.Join(b.disk, fmt.Sprint(n))
	if err := os.Mkdir(home, 0o755); err != nil {
		return err
	}
	text := fmt.Sprintf(config, b.uri(n), i.toServer.port(), b.toCert.port(), b.toKey.port(), b.toGoogle.port(), i.page, b.work)
	file := filepath.Join(b.work, fmt.Sprintf("config%d.tdsl", n))
	if err = os.WriteFile(file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	if out, err := exec.CommandContext(ctx, binary, "schema", "install", "--home", home, file).CombinedOutput(); err != nil {
		return fmt.Errorf("install the schema: %w: %s", err, out)
	}
	i.program = &process{name: "tpush", args: []string{binary, "run", "--home", home, file}, dir: home, log: filepath.Join(b.work, fmt.Sprintf("tpush%d.log", n))}
	return i.program.start()
}

// uri is the n-th program's database: each begins with another host.
func (b *lab) uri(n int) string {
	if len(b.toDatabases) == 0 {
		return "jdbc:sqlite:" + filepath.Join(b.disk, "tpush.db")
	}
	var hosts []string
	for i := range b.toDatabases {
		hosts = append(hosts, fmt.Sprintf("db.test:%d", b.toDatabases[(n+i)%len(b.toDatabases)].port()))
	}
	return "jdbc:mysql://" + strings.Join(hosts, ",") + "/tpush?user=tpush&password=tpush-secret&useSSL=false"
}

// connected waits for the programs' connections.
func (b *lab) connected(ctx context.Context) error {
	for _, i := range b.instances {
		err := until(ctx, 30*time.Second, "the program is connected", func() bool {
			moment, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			return i.server.Wait(moment, domain, 1) == nil || i.server.Wait(moment, domain, 2) == nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// openPeers starts the push services, each behind a proxy.
func (b *lab) openPeers() (err error) {
	if b.apns, err = apnstest.New(); err != nil {
		return err
	}
	if b.fcm, err = fcmtest.New(); err != nil {
		return err
	}
	endpoint, _, _ := strings.Cut(strings.TrimPrefix(b.fcm.Endpoint(), "http://"), "/")
	for p, peer := range map[**proxy]string{&b.toCert: b.apns.Addr(), &b.toKey: b.apns.Addr(), &b.toGoogle: endpoint} {
		if *p, err = newProxy(peer); err != nil {
			return err
		}
	}
	key, err := b.apns.IssueKey("ABC123DEFG", "DEF123GHIJ", topic)
	if err != nil {
		return err
	}
	account, err := b.fcm.ServiceAccount()
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"key.p8": key, "apns-ca.pem": b.apns.CA(), "service-account.json": account} {
		if err := os.WriteFile(filepath.Join(b.work, name), data, 0o600); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return b.issue()
}

// issue writes a new certificate for pushes in the old one's place.
func (b *lab) issue() error {
	credential, err := b.apns.Issue(apnstest.Certificate{UID: topic, Topics: []string{topic, topic + ".voip"}, Production: true})
	if err != nil {
		return err
	}
	p12, err := credential.P12(password, false, true)
	if err != nil {
		return fmt.Errorf("encode certificate: %w", err)
	}
	return os.WriteFile(filepath.Join(b.work, "apns-cert.p12"), p12, 0o600)
}

// close ends all and removes the run's folder.
func (b *lab) close() {
	for _, p := range b.processes() {
		if p.alive() {
			// All of it is thrown away.
			_ = p.kill()
		}
	}
	for _, p := range append([]*proxy{b.toCert, b.toKey, b.toGoogle}, b.toDatabases...) {
		if p != nil {
			p.close()
		}
	}
	for _, i := range b.instances {
		if i.toServer != nil {
			i.toServer.close()
		}
		if i.server != nil {
			i.server.Close()
		}
	}
	if b.apns != nil {
		b.apns.Close()
	}
	if b.fcm != nil {
		b.fcm.Close()
	}
	if b.dns != nil {
		b.dns.close()
	}
	// The mounts end with this process's namespace.
	_ = syscall.Unmount(b.disk, syscall.MNT_DETACH)
	_ = os.RemoveAll(b.work)
}

// processes are those that were started.
func (b *lab) processes() (all []*process) {
	for _, i := range b.instances {
		if i.program != nil {
			all = append(all, i.program)
		}
	}
	return append(all, b.databases...)
}

// freeAddress is one of this machine that nobody listens at.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("look for a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

var errTime = errors.New("not in time")

// until waits for a state, for at most a time.
func until(ctx context.Context, limit time.Duration, what string, done func() bool) error {
	for deadline := time.Now().Add(limit); !done(); {
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: %w (%v)", what, errTime, limit)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
