//go:build linux

package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	clusterNodes = 3
	galera       = "/usr/lib/galera/libgalera_smm.so"
	// joinLimit is how long a node may take until it is one of the cluster.
	joinLimit = 90 * time.Second
)

// openDatabase starts a MariaDB behind a proxy.
func (b *lab) openDatabase(ctx context.Context) error {
	if _, err := b.openNode(ctx, nil); err != nil {
		return err
	}
	return b.createDatabase(0)
}

// openCluster starts three nodes of MariaDB with Galera.
func (b *lab) openCluster(ctx context.Context) error {
	var ports []string // for the cluster's own traffic
	for range clusterNodes {
		addr, err := freeAddress()
		if err != nil {
			return err
		}
		ports = append(ports, addr)
	}
	for n := range clusterNodes {
		// A node receives the data of others on two more ports.
		transfer, err := freeAddress()
		if err != nil {
			return err
		}
		incremental, err := freeAddress()
		if err != nil {
			return err
		}
		args := []string{"--wsrep-on=ON", "--wsrep-provider=" + galera, "--wsrep-cluster-name=chaos", fmt.Sprintf("--wsrep-node-name=node%d", n),
			"--wsrep-cluster-address=gcomm://" + strings.Join(ports, ","), "--wsrep-node-address=127.0.0.1", "--wsrep-sst-method=rsync",
			"--wsrep-sst-receive-address=" + transfer, "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2", "--innodb-flush-log-at-trx-commit=0",
			"--wsrep-provider-options=gmcast.listen_addr=tcp://" + ports[n] + ";ist.recv_addr=" + incremental + ";pc.recovery=true;gcache.size=32M"}
		node, err := b.openNode(ctx, args, b.firstArgs(n)...)
		if err != nil {
			return err
		}
		if err := b.joined(ctx, n); err != nil {
			return err
		}
		// From now on it starts as a member.
		node.args = node.args[:len(node.args)-len(b.firstArgs(n))]
	}
	return b.createDatabase(0)
}

// firstArgs are for the node that begins a cluster.
func (b *lab) firstArgs(n int) []string {
	if n == 0 {
		return []string{"--wsrep-new-cluster"}
	}
	return nil
}

// openNode starts a MariaDB with more arguments, behind a proxy.
func (b *lab) openNode(ctx context.Context, args []string, first ...string) (*process, error) {
	n := len(b.databases)
	data := filepath.Join(b.work, fmt.Sprintf("db%d", n))
	if out, err := exec.Command("mariadb-install-db", "--no-defaults", "--user=mysql", "--datadir="+data, "--auth-root-authentication-method=normal").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("set up MariaDB: %w: %s", err, out)
	}
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	_, port, _ := strings.Cut(addr, ":")
	p := &process{name: "mariadbd", dir: b.work, log: data + ".log", args: append([]string{"mariadbd", "--no-defaults", "--user=mysql", "--datadir=" + data,
		"--socket=" + b.socket(n), "--port=" + port, "--bind-address=127.0.0.1", "--innodb-buffer-pool-size=64M", "--pid-file=" + filepath.Join(data, "pid")}, append(args, first...)...)}
	if err := p.start(); err != nil {
		return nil, err
	}
	b.databases = append(b.databases, p)
	line, err := newProxy(addr)
	if err != nil {
		return nil, err
	}
	b.toDatabases = append(b.toDatabases, line)
	return p, until(ctx, joinLimit, "MariaDB answers", func() bool {
		return exec.Command("mariadb-admin", "--no-defaults", "--socket="+b.socket(n), "-u", "root", "ping").Run() == nil
	})
}

func (b *lab) socket(n int) string { return filepath.Join(b.work, fmt.Sprintf("db%d", n), "socket") }

// sql runs statements on a node, as its administrator.
func (b *lab) sql(n int, text string) (string, error) {
	out, err := exec.Command("mariadb", "--no-defaults", "--socket="+b.socket(n), "-u", "root", "-N", "-f", "-e", text).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", text, err, out)
	}
	return string(out), nil
}

func (b *lab) createDatabase(n int) error {
	_, err := b.sql(n, "CREATE DATABASE tpush CHARACTER SET utf8mb4; CREATE USER tpush@'%' IDENTIFIED BY 'tpush-secret'; DROP USER IF EXISTS ''@localhost; GRANT ALL ON tpush.* TO tpush@'%'; FLUSH PRIVILEGES")
	return err
}

// joined waits until a node is one of a cluster and has all its data.
func (b *lab) joined(ctx context.Context, n int) error {
	return until(ctx, joinLimit, fmt.Sprintf("node %d is in the cluster", n), func() bool {
		out, err := b.sql(n, "SHOW STATUS LIKE 'wsrep_local_state_comment'")
		return err == nil && strings.Contains(out, "Synced")
	})
}
