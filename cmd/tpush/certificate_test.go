package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCertificate stores, shows and removes a certificate without a running
// program.
func TestCertificate(t *testing.T) {
	p := newPatient(t)
	p.config("        'cert-file' = 'apns-cert.p12'\n        'cert-password' = 'Pa$$w0rd'\n", "")
	file := filepath.Join(p.home, "apns-cert.p12")
	const id = "tigase:messenger:apns:1"
	expect := func(code int, want string, args ...string) {
		t.Helper()
		out, got := p.tpush(args...)
		if got != code || !strings.Contains(out, want) {
			t.Errorf("tpush %s: exit code %d, want %d and %q:\n%s", strings.Join(args, " "), got, code, want, out)
		}
		if strings.Contains(out, "Pa$$w0rd") {
			t.Error("the password is shown")
		}
	}
	t.Setenv("GOOD", "Pa$$w0rd")
	t.Setenv("BAD", "wrong")
	expect(exitFailed, "no variable NONE", "certificate", "set", id, file, "--password-env", "NONE")
	expect(exitFailed, "password", "certificate", "set", id, file, "--password-env", "BAD")
	expect(exitFailed, "not found", "certificate", "set", "fcm-http-v1", file, "--password-env", "GOOD")
	expect(exitConfig, "choose one with --push", "certificate", "set", id, file, "--password-env", "GOOD", "--push", "none")
	expect(exitFailed, "no certificate is stored", "certificate", "remove", id)
	expect(exitGood, "it is valid until 20", "certificate", "set", id, file, "--password-env", "GOOD")
	expect(exitGood, "push/"+id, "certificate", "show")
	expect(exitGood, `"from": "database"`, "certificate", "show", "--json")
	expect(exitGood, "removed", "certificate", "remove", id)
	expect(exitGood, "PROVIDER", "certificate", "show")
	// A PEM file's key needs no password.
	expect(exitGood, "it is valid until 20", "certificate", "set", id, filepath.Join(p.home, "apns-cert.pem"))
}

// TestSend sends a test notification through the running program, and asks the
// doctor while that runs.
func TestSend(t *testing.T) {
	p := newPatient(t)
	p.config()
	token := strings.Repeat("AB", 32)
	p.devices(`{"service":"`+demoDomain+`","account":"romeo@example.com","node":"n1","provider":"tigase:messenger:apns:1","token":"`+token+`"}`,
		`{"service":"`+demoDomain+`","account":"juliet@example.com","node":"n2","provider":"fcm-http-v1","token":"`+strings.Repeat("t", 100)+`"}`)
	if out, code := p.tpush("send", "romeo@example.com"); code != exitFailed || !strings.Contains(out, "does not run here") {
		t.Errorf("exit code %d, %s", code, out)
	}
	ctx, stop := context.WithCancel(t.Context())
	var console log
	r := &runCommand{source: source{File: filepath.Join(p.home, "config.tdsl"), Home: p.home}, LogFormat: formatText, Drain: time.Second}
	done := make(chan error, 1)
	go func() { done <- r.serve(ctx, &console) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the program ended with %v\n%s", err, console.String())
		}
	}()
	if err := p.srv.Wait(limit(ctx, 10*time.Second), demoDomain, 1); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the socket is there", func() bool { _, err := os.Stat(filepath.Join(p.home, socketFile)); return err == nil })

	out, code := p.tpush("send", "romeo@example.com", "--text", "Hello from a test")
	if code != exitGood || !strings.Contains(out, `request  "Hello from a test"`) || !strings.Contains(out, "accepted") {
		t.Errorf("exit code %d, %s", code, out)
	}
	push, err := p.sim.apns.Next(limit(ctx, 10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.EqualFold(push.Token, token) || !strings.Contains(string(push.Payload), "Hello from a test") {
		t.Errorf("%s: %s", push.Token, push.Payload)
	}
	var sent []any
	out, code = p.tpush("send", "juliet@example.com", "--json")
	if err := json.Unmarshal([]byte(out), &sent); code != exitGood || err != nil || len(sent) != 1 {
		t.Errorf("exit code %d, %v, %s", code, err, out)
	}
	if out, code := p.tpush("send", "nobody@example.com"); code != exitFailed || !strings.Contains(out, "no such device") {
		t.Errorf("exit code %d, %s", code, out)
	}
	if out, code := p.tpush("send", "example.com"); code != exitConfig {
		t.Errorf("exit code %d, %s", code, out)
	}
	got := p.findings(exitGood)
	for subject, text := range map[string]string{subjectProcess: "tpush runs", subjectServer: "takes the component", subjectDatabase: "1 device of fcm-http-v1 under " + demoDomain} {
		if !has(got[subject], well, text) {
			t.Errorf("%s: %+v", subject, got[subject])
		}
	}
}
