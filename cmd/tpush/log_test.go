package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tpush/tpush/tdsl"
)

// loggingOf decodes the bean 'logging' of a configuration.
func loggingOf(t *testing.T, config string) logConfig {
	t.Helper()
	f, err := tdsl.Load("config.tdsl", strings.NewReader(config))
	if err != nil {
		t.Fatal(err)
	}
	return logging(f, tdsl.Env{})
}

func TestLogLevels(t *testing.T) {
	rows := []struct{ name, config, bean, shown, file string }{ // lowest level on the console and in the file
		{"default", "", "push", "INFO", "CONFIG"},
		{"debug", "debug = [ 'push' ]", "push/apns-binary-api", "FINEST", "FINEST"},
		{"debug of a component of another name", "debug = [ 'push' ]", "push-ios/fcm-http-v1", "FINEST", "FINEST"},
		{"debug of a provider's package", "debug = [ 'push.fcm' ]", "push/apns-binary-api", "INFO", "CONFIG"},
		{"debug of a bean", "debug = [ 'ext' ]", "ext", "FINEST", "FINEST"},
		{"debug, the console has a level", "debug = [ 'push' ]\nlogging () {\n handlers = {\n 'java.util.logging.ConsoleHandler' = {\n level = WARNING\n }\n }\n}", "push", "WARNING", "FINEST"},
		{"a logger below debug", "debug = [ 'push' ]\nlogging () {\n loggers = {\n 'tigase.push.apns' = {\n level = INFO\n }\n }\n}", "push/apns-binary-api", "INFO", "INFO"},
		{"a class's logger", "logging () {\n loggers = {\n 'tigase.push.apns.APNsBinaryApiProvider' = {\n level = FINE\n }\n }\n}", "push/apns-binary-api", "INFO", "FINE"},
		{"a name that only begins alike", "debug = [ 'pus' ]", "push", "INFO", "CONFIG"},
		{"debug of another", "debug = [ 'server' ]", "push", "INFO", "CONFIG"},
		{"debug server", "debug = [ 'server' ]", "ext", "FINEST", "FINEST"},
		{"debug-packages", "'debug-packages' = [ 'tigase.db' ]", "dataSource/default", "FINEST", "FINEST"},
		{"root", "logging () {\n rootLevel = WARNING\n}", "push", "WARNING", "WARNING"},
		{"plain map", "logging {\n rootLevel = WARNING\n}", "push", "WARNING", "WARNING"},
		{"a provider's logger", "logging () {\n loggers = {\n 'tigase.push.apns' = {\n level = FINE\n }\n }\n}", "push/tigase:messenger:apns:1", "INFO", "FINE"},
		{"handlers", "logging () {\n rootLevel = ALL\n handlers = {\n 'java.util.logging.FileHandler' = {\n level = INFO\n limit = 1\n }\n 'java.util.logging.ConsoleHandler' = {\n level = SEVERE\n }\n }\n}", "push", "SEVERE", "INFO"},
		{"off", "logging () {\n rootLevel = OFF\n}", "push", "", ""},
	}
	order := []struct {
		name  string
		level slog.Level
	}{{"FINEST", levelFinest}, {"FINER", levelFiner}, {"FINE", slog.LevelDebug}, {"CONFIG", levelConfig}, {"INFO", slog.LevelInfo}, {"WARNING", slog.LevelWarn}, {"SEVERE", slog.LevelError}}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			home := t.TempDir()
			var console strings.Builder
			l := openLogs(&console, formatTigase, false, home, loggingOf(t, row.config))
			bean := l.With("bean", row.bean)
			for _, o := range order {
				bean.Log(context.Background(), o.level, "x")
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			first := func(text string) string {
				_, rest, _ := strings.Cut(text, "] [")
				return strings.TrimSpace(rest[:min(8, len(rest))])
			}
			if got := first(console.String()); got != row.shown {
				t.Errorf("the console has %q as its lowest level, want %q", got, row.shown)
			}
			// All files, the oldest first: a limit of one byte makes a file of each line.
			var all string
			for n := 4; n >= 0; n-- {
				text, err := os.ReadFile(fmt.Sprintf("%s/logs/tpush.log.%d", home, n))
				if err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
				all += string(text)
			}
			if got := first(all); got != row.file {
				t.Errorf("the file has %q as its lowest level, want %q", got, row.file)
			}
		})
	}
}

func TestLoggingMistakes(t *testing.T) {
	cfg := loggingOf(t, "logging () {\n rootLevel = LOUD\n}")
	if _, err := cfg.levels(); err == nil || !strings.Contains(err.Error(), `rootLevel: level "LOUD"`) {
		t.Errorf("error %v", err)
	}
	var console strings.Builder
	l := openLogs(&console, formatText, false, t.TempDir(), cfg)
	defer l.Close()
	l.Info("goes on")
	if text := console.String(); !strings.Contains(text, "default levels") || !strings.Contains(text, "goes on") {
		t.Errorf("console: %s", text)
	}
}

func TestTigaseLine(t *testing.T) {
	var b strings.Builder
	h := formatted(&b, formatTigase).WithAttrs([]slog.Attr{slog.String("bean", "push")})
	r := slog.NewRecord(time.Date(2026, 5, 1, 12, 0, 0, 123e6, time.Local), slog.LevelWarn, "push not accepted", 0)
	r.Add("provider", "apns-binary-api", "err", errors.New("two\nlines"), "stack", "at a\nat b\n")
	if err := h.Handle(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	want := "[2026-05-01 12:00:00:123] [WARNING ] [               push ] tpush(): push not accepted provider=apns-binary-api err=\"two\\nlines\"\nat a\nat b\n"
	if b.String() != want {
		t.Errorf("got  %q\nwant %q", b.String(), want)
	}
	b.Reset()
	slog.New(h).WithGroup("g").Info("x", "k", 1)
	if !regexp.MustCompile(`^\[[-0-9]+ [0-9:]+\] \[INFO    \] \[ +push \] tpush\.TestTigaseLine\(\): x g\.k=1\n$`).MatchString(b.String()) {
		t.Errorf("got %q", b.String())
	}
}

func TestLogRotation(t *testing.T) {
	cfg := loggingOf(t, "logging () {\n handlers = {\n 'java.util.logging.FileHandler' = {\n limit = 10\n count = 3\n pattern = 'logs/tigase.log'\n }\n }\n}")
	home := t.TempDir()
	l := newLogFile(filepath.Join(home, "tpush.log"), cfg)
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		fmt.Fprintf(l, "line %d..\n", n) // nine bytes: one in each file
	}
	content := func() (out []string) {
		for n := range 4 {
			text, err := os.ReadFile(fmt.Sprintf("%s/tpush.log.%d", home, n))
			if err != nil {
				break
			}
			out = append(out, strings.TrimSpace(string(text)))
		}
		return out
	}
	if got := fmt.Sprint(content()); got != "[line 4.. line 3.. line 2..]" {
		t.Errorf("files %s", got)
	}
	// An admin's own rotation moves the file, then sends SIGHUP.
	if err := os.Rename(home+"/tpush.log.0", home+"/moved"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(l, "new\n")
	if got := fmt.Sprint(content()); got != "[new line 3.. line 2..]" {
		t.Errorf("files %s after the move", got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(l, "late"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a closed log says %v", err)
	}
}

func TestLogWithoutFolder(t *testing.T) {
	home := t.TempDir()
	if err := os.WriteFile(home+"/logs", nil, 0o600); err != nil { // no folder can be made of it
		t.Fatal(err)
	}
	var console strings.Builder
	l := openLogs(&console, formatText, false, home, defaultLogging())
	l.Info("still here")
	if err := errors.Join(l.Reload(), l.Close()); err != nil {
		t.Error(err)
	}
	if text := console.String(); !strings.Contains(text, "no log file is written") || !strings.Contains(text, "still here") {
		t.Errorf("console: %s", text)
	}
}
