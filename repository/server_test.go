package repository

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// server is a database server of a test's own, which it may kill.
type server struct {
	t    *testing.T
	port int
	args []string
	dir  string
	cred *syscall.Credential
	cmd  *exec.Cmd
	done chan error
}

// startServer sets up and starts MariaDB or PostgreSQL in a folder of its own.
func startServer(t *testing.T, name string) *server {
	t.Helper()
	if os.Getenv("TPUSH_INTEGRATION") == "" {
		t.Skip("TPUSH_INTEGRATION is not set: run scripts/test for the integration tests")
	}
	dir, err := os.MkdirTemp("", "tpush-"+name)
	ok(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &server{t: t, port: freePort(t), dir: dir}
	data := filepath.Join(dir, "data")
	owner := "root"
	if name == "postgresql" {
		owner = "postgres" // which refuses to run as root
		bin := newest(t, "/usr/lib/postgresql/*/bin/postgres")
		s.args = []string{bin, "-D", data, "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=" + dir}
	} else {
		s.args = []string{"mariadbd", "--no-defaults", "--datadir=" + data, "--port=" + strconv.Itoa(s.port), "--bind-address=127.0.0.1", "--socket=" + filepath.Join(dir, "s")}
	}
	if os.Getuid() == 0 {
		s.as(owner)
	}
	if name == "postgresql" {
		s.run(filepath.Join(filepath.Dir(s.args[0]), "initdb"), "-D", data, "-U", "tpush", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
	} else {
		if os.Getuid() == 0 {
			s.args = append(s.args, "--user=root")
		}
		s.run("mariadb-install-db", append(slices.Clone(s.args[1:2]), "--datadir="+data, "--auth-root-authentication-method=normal")...)
	}
	s.start()
	t.Cleanup(s.kill)
	return s
}

// as runs the server as another user.
func (s *server) as(name string) {
	s.t.Helper()
	u, err := user.Lookup(name)
	ok(s.t, err)
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	ok(s.t, os.Chown(s.dir, uid, gid))
	s.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func newest(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("there is no %s (scripts/test installs it)", pattern)
	}
	return found[len(found)-1]
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (s *server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred}
	return cmd
}

func (s *server) run(name string, args ...string) {
	s.t.Helper()
	if out, err := s.command(name, args...).CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// start starts the server and waits until it answers. After a kill, what the
// last one left behind can make it end at once: then once more.
func (s *server) start() {
	s.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for time.Now().Before(deadline) {
		s.cmd = s.command(s.args[0], s.args[1:]...)
		ok(s.t, s.cmd.Start())
		cmd, done := s.cmd, make(chan error, 1)
		s.done = done
		go func() { done <- cmd.Wait() }()
		if s.answers(deadline) {
			return
		}
	}
	s.t.Fatal("the server does not start")
}

// answers waits until the server answers; false: it has ended.
func (s *server) answers(deadline time.Time) bool {
	ds := openSource(s.t, s.uri())
	for time.Now().Before(deadline) {
		if ds.read.PingContext(s.t.Context()) == nil {
			return true
		}
		select {
		case err := <-s.done:
			s.t.Logf("%s ended: %v", s.args[0], err)
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
	return false
}

// kill ends the server as a crash does.
func (s *server) kill() {
	_ = s.cmd.Process.Kill() // it may have ended
	<-s.done
	s.done <- nil
}

// uri is the database's address.
func (s *server) uri() string {
	if filepath.Base(s.args[0]) == "postgres" {
		return fmt.Sprintf("jdbc:postgresql://127.0.0.1:%d/postgres?user=tpush&sslmode=disable", s.port)
	}
	return fmt.Sprintf("jdbc:mysql://127.0.0.1:%d/test?user=root", s.port)
}
