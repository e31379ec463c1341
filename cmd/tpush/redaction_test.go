package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestNoOutputShowsSecrets runs the demo's steps and looks for every secret,
// token and text of a message in all that the program shows to anybody: log,
// log in JSON, explain, status, metrics, devices, dump and beans.
func TestNoOutputShowsSecrets(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d := &demo{line: &timeline{out: io.Discard}}
	t.Cleanup(d.close)
	if err := d.open(true); err != nil {
		t.Fatal(err)
	}
	l := &log{}
	program := &runCommand{source: source{File: filepath.Join(d.home, "config.tdsl"), Home: d.home}, LogFormat: formatText, Debug: true, Drain: time.Second}
	ended := make(chan error, 1)
	go func() { ended <- program.serve(ctx, l) }()
	if err := d.server.Wait(limit(ctx, 10*time.Second), demoDomain, 1); err != nil {
		t.Fatalf("%v\n%s", err, l)
	}
	d.steps(ctx)
	if d.failed > 0 {
		t.Errorf("%d steps went wrong", d.failed)
	}
	again := d.register(ctx, "The iPhone once more", demoAPNs, strings.ToLower(iPhoneToken), callToken)
	if again == "" {
		t.Fatal("no node")
	}
	outputs := outputsOf(t, d)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	outputs["log"] = l.String()
	secrets := demoSecrets(t, d)
	for name, text := range outputs {
		t.Logf("%s: %d bytes", name, len(text))
		if len(text) < 20 {
			t.Errorf("%s shows only %q", name, text)
		}
		for what, secret := range secrets {
			if strings.Contains(strings.ToLower(text), strings.ToLower(secret)) {
				t.Errorf("%s shows %s:\n%s", name, what, text)
			}
		}
	}
}

// outputsOf is what the running program and its commands show.
func outputsOf(t *testing.T, d *demo) map[string]string {
	t.Helper()
	out := map[string]string{}
	// The live page never ends; what came until then counts.
	client := http.Client{Timeout: 3 * time.Second}
	for name, path := range map[string]string{"status page": "/", "live page": "/live", "metrics": "/metrics"} {
		r, err := client.Get("http://" + d.page + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		r.Body.Close()
		if err != nil && name != "live page" {
			t.Fatal(err)
		}
		out[name] = string(text)
	}
	file, home := filepath.Join(d.home, "config.tdsl"), d.home
	for _, args := range [][]string{{"explain", "ala@example.com"}, {"explain", "--json", "ala@example.com"}, {"devices", "list"}, {"doctor"}, {"dump"}, {"beans"}, {"beans", "--dot"}, {"doctor", "--json"}} {
		_, text, errs := tpush(append(args, "--config-file", file, "--home", home)...)
		out["tpush "+strings.Join(args, " ")] = text + errs
	}
	return out
}

// demoSecrets is everything that nobody is to see.
func demoSecrets(t *testing.T, d *demo) map[string]string {
	t.Helper()
	out := map[string]string{"the iPhone's token": iPhoneToken, "the token for calls": callToken, "the Android phone's token": phoneToken,
		"the certificate's password": "Pa$$w0rd", "the component's secret": demoSecret, "the text of a message": "See you at noon",
		"cipher text": "mD3vmFzZr1qvVQ==", "a private key": "PRIVATE KEY", "a provider token": "bearer ey", "an access token": "ya29."}
	data, err := os.ReadFile(filepath.Join(d.home, "service-account.json"))
	if err != nil {
		t.Fatal(err)
	}
	var account struct {
		Key string `json:"private_key"`
	}
	if err := json.Unmarshal(data, &account); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(account.Key, "\n")
	if len(lines) < 5 {
		t.Fatalf("a key of %d lines", len(lines))
	}
	out["the service account's key"] = lines[2]
	return out
}
