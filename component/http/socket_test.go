package http

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/component/push"
	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
)

// serveSocket serves a handler at a path until the returned function is called.
func serveSocket(t *testing.T, path string, h http.Handler, l *slog.Logger) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	s := &Socket{Path: path, Handler: h, Log: l, Pause: time.Millisecond}
	go func() { defer close(done); s.Run(ctx) }()
	return func() { cancel(); <-done }
}

// logLines is a log, line by line.
type logLines chan string

func (l logLines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

func get(t *testing.T, path, url string) (int, string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; <-time.After(5 * time.Millisecond) {
		answer, err := Dial(path).Get("http://tpush" + url)
		if err != nil {
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
			continue
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, strings.ReplaceAll(string(text), `": `, `":`)
	}
}

func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "tpush.sock")
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	stop := serveSocket(t, path, hello, slog.New(slog.DiscardHandler))
	if status, text := get(t, path, "/"); status != http.StatusOK || text != "hello" {
		t.Errorf("%d %q", status, text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	// A second program waits until the first one leaves, and says so once.
	log := make(logLines, 10)
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "next") })
	stopNext := serveSocket(t, path, next, slog.New(slog.NewTextHandler(log, nil)))
	if line := <-log; !strings.Contains(line, "another program serves it") {
		t.Errorf("a second program says %q", line)
	}
	if _, text := get(t, path, "/"); text != "hello" {
		t.Errorf("beside a second program, the socket says %q", text)
	}
	stop()
	if _, text := get(t, path, "/"); text != "next" {
		t.Errorf("after the first program, the socket says %q", text)
	}
	stopNext()
	if len(log) > 0 {
		t.Errorf("a second program says more: %q", <-log)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}

	// What a program that was killed left behind is replaced.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	stop = serveSocket(t, path, hello, slog.New(slog.DiscardHandler))
	if status, _ := get(t, path, "/"); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	stop()
}

// noProviders is a push component without providers, on a store of its own.
func noProviders(t *testing.T) *push.Service {
	t.Helper()
	l := slog.New(slog.DiscardHandler)
	ds, err := repository.Open("default", repository.Config{URI: "jdbc:sqlite:" + filepath.Join(t.TempDir(), "t.db"), Schema: true}, "", l)
	if err != nil {
		t.Fatal(err)
	}
	devices := repository.NewDevices(ds, l)
	t.Cleanup(func() { devices.Close(); ds.Close() })
	if err := ds.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	set, err := providers.NewSet(l, providers.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	key := repository.Key{Service: "push.a.test", Account: "ala@a.test", Providers: []string{"gone"}, Token: "AABB"}
	if _, err := devices.Register(t.Context(), key, "", "n1"); err != nil {
		t.Fatal(err)
	}
	return push.NewService(push.Parts{Name: "push", Devices: devices, Providers: set, Log: l}, push.Defaults())
}

func TestInside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := noProviders(t)
	inside := &Inside{Services: func() map[string]*push.Service { return map[string]*push.Service{"push.b.test": s, "push.a.test": s} }}
	defer serveSocket(t, path, inside.Handler(), slog.New(slog.DiscardHandler))()
	for url, want := range map[string]string{
		PathExplain + "?account=ala@a.test/x": `"conclusion":"Its provider gone is not active here`,
		PathExplain + "?account=ola@a.test":   `"service":"push.a.test"`,
		PathExplain + "?account=a.test":       "account: it is the address of a user",
		PathExplain:                           "account: it is the address of a user",
		PathStatus:                            `"service":"push.b.test"`,
		"/":                                   "not found",
		PathSend + "?account=ala@a.test":      "Method Not Allowed",
	} {
		if _, text := get(t, path, url); !strings.Contains(text, want) {
			t.Errorf("%s: %s", url, text)
		}
	}
	answer, err := Dial(path).PostForm("http://tpush"+PathSend, map[string][]string{"account": {"ala@a.test"}})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || !strings.Contains(string(text), `inactive`) {
		t.Errorf("%s, %v", text, err)
	}
}
