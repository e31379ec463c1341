package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// ejabberdConfig is an ejabberd as the README sets one up, with texts and
// senders in its publishes.
const ejabberdConfig = `
hosts: [ a.test ]
loglevel: info
listen:
  - port: %[1]d
    ip: "127.0.0.1"
    module: ejabberd_c2s
    starttls: false
  - port: %[2]d
    ip: "127.0.0.1"
    module: ejabberd_service
    hosts:
      push.a.test: { password: "s3cret" }
  - port: %[3]d
    ip: "127.0.0.1"
    module: ejabberd_service
    hosts:
      load.a.test: { password: "s3cret" }
auth_method: internal
modules:
  mod_disco: {}
  mod_roster: {}
  mod_version: {}
  mod_push: { include_sender: true, include_body: true }
  mod_push_keepalive: {}
  mod_stream_mgmt: {}
  mod_client_state: {}
  mod_offline: {}
`

// ejabberdNames is where ejabberd's machine looks names up.
const ejabberdNames = `
{lookup, [file, native]}.
{host, {127,0,0,1}, ["localhost"]}.
{resolv_conf, ""}.
{nameserver, {127,0,0,1}, %d}.
`

// startEjabberd starts an ejabberd with the accounts alice and bob at a.test.
func startEjabberd(t *testing.T) *server {
	t.Helper()
	needProgram(t, "ejabberdctl")
	// Not t.TempDir: ejabberdctl gives up root's rights.
	folder, err := os.MkdirTemp("", "tpush-ejabberd-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	s := &server{clients: freePort(t), components: freePort(t), load: freePort(t), folder: folder, log: "ejabberd.log"}
	config := filepath.Join(folder, "ejabberd.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, ejabberdConfig, s.clients, s.components, s.load), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "inetrc"), fmt.Appendf(nil, ejabberdNames, serveNames(t)), 0o644); err != nil {
		t.Fatal(err)
	}
	control := func(args ...string) *exec.Cmd {
		flags := []string{"--config-dir", folder, "--logs", folder, "--spool", folder, "--node", fmt.Sprintf("tpush%d@localhost", s.clients)}
		cmd := exec.Command("ejabberdctl", append(flags, args...)...)
		cmd.Env = append(os.Environ(), "EJABBERD_CONFIG_PATH="+config)
		return cmd
	}
	s.run(t, func() *exec.Cmd { return control("foreground") })
	s.control = control
	s.quit = func() { _ = control("stop").Run() }
	for _, user := range []string{"alice", "bob"} {
		eventually(t, "ejabberd registers "+user, func() bool {
			return control("register", user, "a.test", user+"-secret").Run() == nil
		})
	}
	return s
}
