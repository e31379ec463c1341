package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// deviceLine is the n-th device of a test in an export.
func deviceLine(n int) string {
	return fmt.Sprintf(`{"service":"push.example.com","account":"user%d@example.com","node":"node-%d","provider":"fcm-http-v1","token":"Token:%d","second_token":"s%d","registered":"2026-05-01T12:00:00.5Z","accepted":"2026-06-01T12:00:00Z","sandbox":true}`, n/2, n, n, n)
}

func TestDevices(t *testing.T) {
	p := newPatient(t)
	p.config()
	var lines []string
	for n := range 1203 { // more than two batches
		lines = append(lines, deviceLine(n))
	}
	p.devices(lines...)
	expect := func(code int, want string, args ...string) string {
		t.Helper()
		out, got := p.tpush(args...)
		if got != code || !strings.Contains(out, want) {
			t.Errorf("tpush %s: exit code %d, want %d and %q:\n%.2000s", strings.Join(args, " "), got, code, want, out)
		}
		return out
	}
	expect(exitGood, "1203 devices", "devices", "list")
	expect(exitGood, "0 devices", "devices", "list", "--provider", "apns-binary-api")
	expect(exitGood, "2 devices", "devices", "list", "user3@example.com", "--service", "push.example.com")
	if out := expect(exitGood, "[]", "devices", "list", "nobody@example.com", "--json"); strings.TrimSpace(out) != "[]" {
		t.Errorf("no devices as JSON: %q", out)
	}
	var rows []deviceRow
	if err := json.Unmarshal([]byte(expect(exitGood, "", "devices", "list", "user3@example.com", "--json")), &rows); err != nil || len(rows) != 2 || rows[0].Registered == nil || !rows[0].Sandbox {
		t.Errorf("%+v, %v", rows, err)
	}
	if strings.Contains(fmt.Sprint(rows), "Token:") {
		t.Error("a list shows tokens")
	}

	// What is exported in either form is, imported elsewhere, the same.
	for _, name := range []string{"all.csv", "all.jsonl"} {
		file := filepath.Join(p.home, name)
		expect(exitGood, "exported 1203 devices", "devices", "export", "-o", file)
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
		other := newPatient(t)
		other.config()
		if out, code := other.tpush("devices", "import", file, "--json"); code != exitGood || !strings.Contains(out, `{"imported":1203}`) {
			t.Errorf("import of %s: exit code %d, %s", name, code, out)
		}
		again := filepath.Join(other.home, "again.jsonl")
		if out, code := other.tpush("devices", "export", "-o", again); code != exitGood {
			t.Errorf("exit code %d, %s", code, out)
		}
		text, err := os.ReadFile(again)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{0, 777, 1202} {
			if !strings.Contains(string(text), deviceLine(n)+"\n") {
				t.Errorf("%s: device %d is not what it was", name, n)
			}
		}
	}

	expect(exitConfig, "name one device", "devices", "remove", "user3@example.com")
	expect(exitFailed, "no such device", "devices", "remove", "user3@example.com", "fcm-http-v1/00000000")
	expect(exitGood, "removed "+rows[0].Device, "devices", "remove", "user3@example.com", rows[0].Device)
	expect(exitGood, `"account": "user3@example.com"`, "devices", "remove", "user3@example.com", "--all", "--json")
	expect(exitGood, "1201 devices", "devices", "list")
}

func TestDeviceFiles(t *testing.T) {
	good := "service,account,node,provider,token\ns,a@b,n,p,t\n"
	for _, row := range []struct{ name, text, want string }{
		{"empty", "", "it is empty"},
		{"missing column", "service,account\n", `there is no column "node"`},
		{"wrong number of fields", good + "s,a\n", "line 3"},

		{"bad time", "service,account,node,provider,token,registered\ns,a@b,n,p,t,yesterday\n", `line 2: "yesterday" is no time`},
		{"no object", "{\"service\":1}\n", "line 1: it is no JSON object"},
		{"long line", "{" + strings.Repeat(" ", maxLine+1), "line 1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			next, err := deviceReader(strings.NewReader(row.text))
			for err == nil {
				_, err = next()
			}
			if errors.Is(err, io.EOF) || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want %q", err, row.want)
			}
		})
	}
}

// FuzzDeviceReader reads anything without harm.
func FuzzDeviceReader(f *testing.F) {
	for _, seed := range []string{"", deviceLine(1), "service,account,node,provider,token\ns,a@b,n,p,t\n", "{}\n\n{", "\"", "service,account,node,provider,token,sandbox\n\"a\nb\",,,,,x\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		next, err := deviceReader(strings.NewReader(text))
		for n := 0; err == nil; n++ {
			if n > len(text) {
				t.Fatal("it does not end")
			}
			_, err = next()
		}
	})
}

func TestImportStops(t *testing.T) {
	p := newPatient(t)
	p.config()
	file := filepath.Join(p.home, "bad.jsonl")
	if err := os.WriteFile(file, []byte(deviceLine(1)+"\n"+strings.Replace(deviceLine(2), `"node-2"`, `""`, 1)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := p.tpush("devices", "import", file)
	if code != exitFailed || !strings.Contains(out, "stored are 0 devices") || !strings.Contains(out, "user1@example.com") {
		t.Errorf("exit code %d, %s", code, out)
	}
}

func TestProgress(t *testing.T) {
	p := newProgress(io.Discard, "import", 200)
	p.add(50)
	if got, want := p.line(10*time.Second), "import [███████·······················]  25 %, 50 of 200, 5/s, 30s left"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	p.total = 0
	if got, want := p.line(10*time.Second), "import 50, 5/s"; got != want {
		t.Errorf("got %q", got)
	}
}
