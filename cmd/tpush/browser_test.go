package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// browser is a headless Chromium, driven over the WebDriver protocol.
type browser struct {
	t    *testing.T
	base string // of the session
}

var driverPort = regexp.MustCompile(`started successfully on port (\d+)`)

// startBrowser starts a browser with nothing in it, until the test ends.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	needProgram(t, "chromium")
	needProgram(t, "chromedriver")
	driver := exec.Command("chromedriver", "--port=0")
	out, err := driver.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := driver.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := driver.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = driver.Wait() // it was killed
	})
	port := ""
	for lines := bufio.NewScanner(out); port == "" && lines.Scan(); {
		if m := driverPort.FindStringSubmatch(lines.Text()); m != nil {
			port = m[1]
		}
	}
	if port == "" {
		t.Fatal("chromedriver did not say its port")
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the driver
	b := &browser{t: t, base: "http://127.0.0.1:" + port}
	session := b.call("POST", "/session", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"browserName":       "chrome",
		"goog:loggingPrefs": map[string]string{"browser": "ALL"},
		"goog:chromeOptions": map[string]any{"args": []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
			"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir=" + t.TempDir()}},
	}}}).(map[string]any)
	b.base += "/session/" + session["sessionId"].(string)
	t.Cleanup(func() { b.call("DELETE", "", nil) })
	return b
}

// call sends one command and returns its value.
func (b *browser) call(method, path string, body any) any {
	b.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		b.t.Fatal(err)
	}
	if body == nil {
		text = nil
	}
	r, err := http.NewRequest(method, b.base+path, bytes.NewReader(text))
	if err != nil {
		b.t.Fatal(err)
	}
	answer, err := (&http.Client{Timeout: time.Minute}).Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	var v struct{ Value any }
	if err := json.NewDecoder(answer.Body).Decode(&v); err != nil {
		b.t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		b.t.Fatalf("%s %s: %v", method, path, v.Value)
	}
	return v.Value
}

// open goes to an address.
func (b *browser) open(url string) {
	b.t.Helper()
	b.call("POST", "/url", map[string]any{"url": url})
}

// address is where the browser is.
func (b *browser) address() string {
	b.t.Helper()
	return b.call("GET", "/url", nil).(string)
}

// eval runs a function's body in the page and decodes what it returns.
func (b *browser) eval(script string, into any) {
	b.t.Helper()
	text, err := json.Marshal(b.call("POST", "/execute/sync", map[string]any{"script": script, "args": []any{}}))
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// text is what a function's body returns as text.
func (b *browser) text(script string) (s string) {
	b.t.Helper()
	b.eval(script, &s)
	return s
}

// devtools runs a command of the DevTools protocol.
func (b *browser) devtools(command string, params map[string]any) any {
	b.t.Helper()
	return b.call("POST", "/goog/cdp/execute", map[string]any{"cmd": command, "params": params})
}

// screen makes the screen that of a desktop or a phone, light or dark.
func (b *browser) screen(width int, scheme string) {
	b.t.Helper()
	b.devtools("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600})
	b.devtools("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}})
}

// shoot writes the whole page as a picture into the folder that
// TPUSH_SCREENSHOTS names.
func (b *browser) shoot(name string) {
	b.t.Helper()
	dir := os.Getenv("TPUSH_SCREENSHOTS")
	if dir == "" {
		dir = b.t.TempDir()
	}
	picture := b.devtools("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}).(map[string]any)
	data, err := base64.StdEncoding.DecodeString(picture["data"].(string))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), data, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// complaints are what the browser's console says that is no mere information.
func (b *browser) complaints() (out []string) {
	b.t.Helper()
	for _, e := range b.call("POST", "/se/log", map[string]any{"type": "browser"}).([]any) {
		if entry := e.(map[string]any); entry["level"] != "INFO" && entry["level"] != "DEBUG" {
			out = append(out, fmt.Sprint(entry["message"]))
		}
	}
	return out
}
