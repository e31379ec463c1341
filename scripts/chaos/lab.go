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

// lab is the program with everything around it.
type lab struct {
	work   string // folder of this run
	disk   string // the program's own folder, on a small disk of its own
	page   string // host:port of the program's metrics
	server *exttest.Server
	apns   *apnstest.Server
	fcm    *fcmtest.Server
	dns    *resolver
	// Between the program and its peers.
	toServer, toCert, toKey, toGoogle, toDatabase *proxy

	database *process // nil: SQLite
	program  *process
}

// open starts all but the load. The program's binary and the kind of database
// are given.
func (b *lab) open(ctx context.Context, binary, kind string) (err error) {
	if b.work, err = os.MkdirTemp("", "tpush-chaos-"); err != nil {
		return fmt.Errorf("make a folder: %w", err)
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
	uri := "jdbc:sqlite:data/tpush.db"
	if kind == "mysql" {
		if uri, err = b.openDatabase(ctx); err != nil {
			return err
		}
	}
	text := fmt.Sprintf(config, uri, b.toServer.port(), b.toCert.port(), b.toKey.port(), b.toGoogle.port(), b.page, b.work)
	if err = os.WriteFile(filepath.Join(b.work, "config.tdsl"), []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	file := filepath.Join(b.work, "config.tdsl")
	if out, err := exec.CommandContext(ctx, binary, "schema", "install", "--home", b.disk, file).CombinedOutput(); err != nil {
		return fmt.Errorf("install the schema: %w: %s", err, out)
	}
	b.program = &process{name: "tpush", args: []string{binary, "run", "--home", b.disk, file}, dir: b.disk, log: filepath.Join(b.work, "tpush.log")}
	if err = b.program.start(); err != nil {
		return err
	}
	return b.connected(ctx)
}

// connected waits for the program's connection.
func (b *lab) connected(ctx context.Context) error {
	return until(ctx, 30*time.Second, "the program is connected", func() bool {
		moment, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		return b.server.Wait(moment, domain, 1) == nil || b.server.Wait(moment, domain, 2) == nil
	})
}

// openPeers starts the XMPP server and the push services, each behind a proxy.
func (b *lab) openPeers() (err error) {
	if b.server, err = exttest.New(exttest.Options{Secrets: map[string]string{domain: secret}}); err != nil {
		return err
	}
	if b.apns, err = apnstest.New(); err != nil {
		return err
	}
	if b.fcm, err = fcmtest.New(); err != nil {
		return err
	}
	endpoint, _, _ := strings.Cut(strings.TrimPrefix(b.fcm.Endpoint(), "http://"), "/")
	for p, peer := range map[**proxy]string{&b.toServer: fmt.Sprintf("127.0.0.1:%d", b.server.Port()), &b.toCert: b.apns.Addr(), &b.toKey: b.apns.Addr(), &b.toGoogle: endpoint} {
		if *p, err = newProxy(peer); err != nil {
			return err
		}
	}
	if b.page, err = freeAddress(); err != nil {
		return err
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

// openDatabase starts a MariaDB and returns its JDBC URI, through a proxy.
func (b *lab) openDatabase(ctx context.Context) (uri string, err error) {
	data, socket := filepath.Join(b.work, "db"), filepath.Join(b.work, "db.sock")
	if out, err := exec.Command("mariadb-install-db", "--no-defaults", "--user=root", "--datadir="+data, "--auth-root-authentication-method=normal").CombinedOutput(); err != nil {
		return "", fmt.Errorf("set up MariaDB: %w: %s", err, out)
	}
	addr, err := freeAddress()
	if err != nil {
		return "", err
	}
	_, port, _ := strings.Cut(addr, ":")
	b.database = &process{name: "mariadbd", dir: b.work, log: filepath.Join(b.work, "db.log"), args: []string{"mariadbd", "--no-defaults", "--user=root",
		"--datadir=" + data, "--socket=" + socket, "--port=" + port, "--bind-address=127.0.0.1", "--innodb-buffer-pool-size=64M"}}
	if err := b.database.start(); err != nil {
		return "", err
	}
	err = until(ctx, 60*time.Second, "MariaDB answers", func() bool {
		return exec.Command("mariadb-admin", "--no-defaults", "--socket="+socket, "-u", "root", "ping").Run() == nil
	})
	if err != nil {
		return "", err
	}
	sql := "CREATE DATABASE tpush CHARACTER SET utf8mb4; CREATE USER tpush@'%' IDENTIFIED BY 'tpush-secret'; DROP USER IF EXISTS ''@localhost; GRANT ALL ON tpush.* TO tpush@'%'; FLUSH PRIVILEGES"
	if out, err := exec.Command("mariadb", "--no-defaults", "--socket="+socket, "-u", "root", "-f", "-e", sql).CombinedOutput(); err != nil {
		return "", fmt.Errorf("make the database: %w: %s", err, out)
	}
	if b.toDatabase, err = newProxy(addr); err != nil {
		return "", err
	}
	return fmt.Sprintf("jdbc:mysql://db.test:%d/tpush?user=tpush&password=tpush-secret&useSSL=false", b.toDatabase.port()), nil
}

// close ends all and removes the run's folder.
func (b *lab) close() {
	for _, p := range []*process{b.program, b.database} {
		if p != nil && p.alive() {
			// All of it is thrown away.
			_ = p.kill()
		}
	}
	for _, p := range []*proxy{b.toServer, b.toCert, b.toKey, b.toGoogle, b.toDatabase} {
		if p != nil {
			p.close()
		}
	}
	if b.server != nil {
		b.server.Close()
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
