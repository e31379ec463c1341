package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// standIn is a program in tpush's place that says how it was called, and ends at
// SIGTERM; with --broken at once.
const standIn = `#!/bin/sh
echo "called with $*, in $(pwd)"
case "$*" in *--broken*) echo "no good"; exit 2;; schema*) exit 0;; esac
trap 'exit 0' TERM
while :; do sleep 0.05; done
`

// scripted is a folder with scripts/tpush.sh.
type scripted struct {
	t    *testing.T
	home string
}

func newScripted(t *testing.T) *scripted {
	t.Helper()
	s := &scripted{t, t.TempDir()}
	script, err := os.ReadFile(filepath.Join("..", "..", "scripts", "tpush.sh"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("scripts/tpush.sh", string(script))
	s.write("tpush", standIn)
	t.Cleanup(func() { s.run("stop") })
	return s
}

func (s *scripted) write(name, text string) {
	s.t.Helper()
	name = filepath.Join(s.home, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o755)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scripted) read(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.home, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// run runs the script from another folder and returns what it prints and its
// exit code.
func (s *scripted) run(args ...string) (string, int) {
	s.t.Helper()
	cmd := exec.Command(filepath.Join(s.home, "scripts", "tpush.sh"), args...)
	cmd.Dir = os.TempDir()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		s.t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// expect runs a command and looks at its exit code and its output.
func (s *scripted) expect(code int, output string, args ...string) {
	s.t.Helper()
	out, got := s.run(args...)
	if got != code || !regexp.MustCompile(output).MatchString(out) {
		s.t.Errorf("tpush.sh %s: exit code %d, want %d, and output like %q:\n%s", strings.Join(args, " "), got, code, output, out)
	}
}

func TestScript(t *testing.T) {
	s := newScripted(t)
	s.write("etc/tpush.conf", "TPUSH_OPTIONS='--config-file etc/config.tdsl -Dvhost=a.test'\n")
	s.expect(1, `TPUSH_PID +=  .*/logs/tpush.pid`, "status")
	s.expect(0, `tpush is not running\.`, "stop")
	s.expect(0, `No params-file.conf given. Using: 'etc/tpush.conf'\n(.*\n)*tpush running pid=[0-9]+`, "start")
	s.expect(0, `tpush running pid=[0-9]+`, "status")
	s.expect(0, `tpush running pid=[0-9]+`, "check")
	s.expect(1, `Already Running!!`, "start")
	s.expect(1, `Already Running!!`, "run")
	console := s.read("logs/tpush-console.log")
	for _, want := range []string{"==========", "STARTED tpush ", "called with run --drain 15s --config-file etc/config.tdsl -Dvhost=a.test, in " + s.home} {
		if !strings.Contains(console, want) {
			t.Errorf("the console log has no %q:\n%s", want, console)
		}
	}
	before := s.read("logs/tpush.pid")
	s.expect(0, `[0-9]\. tpush terminated\.\n(.*\n)*tpush running pid=`, "restart")
	if s.read("logs/tpush.pid") == before {
		t.Error("it is the same process after a restart")
	}
	s.expect(0, `1\. Waiting for the server to terminate\.\.\.\n(.*\n)*[0-9]\. tpush terminated\.`, "stop")
	if _, err := os.Stat(filepath.Join(s.home, "logs/tpush.pid")); err == nil {
		t.Error("the pid file is still there")
	}
	if !strings.Contains(s.read("logs/tpush-console.log"), "STOPPED tpush") {
		t.Error("the console log does not tell the stop")
	}
}

func TestScriptMistakes(t *testing.T) {
	s := newScripted(t)
	s.expect(1, `Usage: tpush.sh \{start\|stop`)
	s.expect(1, `Usage: tpush.sh \{start\|stop`, "begin")
	s.expect(1, `destroy-schema is not served`, "destroy-schema")
	s.expect(1, `cannot read the params-file etc/none.conf`, "start", "etc/none.conf")
	s.expect(1, `did not start \(exit code 2\)(.*\n)*.*no good`, "start", "--broken")
	s.expect(1, "", "status")
	// The pid of another program: the number was used again after a restart.
	s.write("logs/tpush.pid", "1\n")
	s.expect(1, "", "status")
	editor := exec.Command("sh", "-c", "read line", "etc/tpush.conf")
	stop, err := editor.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := editor.Start(); err != nil {
		t.Fatal(err)
	}
	s.write("logs/tpush.pid", fmt.Sprintln(editor.Process.Pid))
	s.expect(0, "tpush is not running", "stop")
	if err := editor.Process.Signal(syscall.Signal(0)); err != nil {
		t.Error("stop ended a program that is none of ours")
	}
	stop.Close()
	_ = editor.Wait() // its input has ended without a line
	s.write("logs/tpush.pid", "1\n")
	s.expect(0, "", "zap")
	if _, err := os.Stat(filepath.Join(s.home, "logs/tpush.pid")); err == nil {
		t.Error("zap left the pid file")
	}
}

// TestScriptWithTigasesParameters gives Tigase's own params-file: its options
// count, its files stay untouched.
func TestScriptWithTigasesParameters(t *testing.T) {
	s := newScripted(t)
	s.write("etc/tigase.conf", "TIGASE_CONSOLE_LOG=logs/tigase-console.log\nTIGASE_PID=logs/tigase.pid\n"+
		"JAVA_OPTIONS='-Xmx1G -Dvhost=b.test -Djava.awt.headless'\nTIGASE_OPTIONS=' --config-file etc/config.tdsl '\n")
	s.write("logs/tigase.pid", "1\n")
	s.write("logs/tigase.log.0", "")
	s.expect(0, `tpush running pid=`, "start", "etc/tigase.conf", "--debug")
	if console := s.read("logs/tpush-console.log"); !strings.Contains(console, "called with run --drain 15s --config-file etc/config.tdsl -Dvhost=b.test --debug, in") {
		t.Errorf("console log:\n%s", console)
	}
	s.expect(0, `tpush terminated`, "stop")
	s.expect(0, `Moved the logs`, "clear")
	for name, want := range map[string]string{"logs/tigase.pid": "1\n", "logs/tigase.log.0": ""} {
		if got := s.read(name); got != want {
			t.Errorf("%s has %q", name, got)
		}
	}
	s.expect(0, `called with schema upgrade --config-file etc/config.tdsl`, "upgrade-schema", "etc/tigase.conf")
	s.expect(0, `called with schema install --config-file etc/config.tdsl`, "install-schema", "etc/tigase.conf")
}
