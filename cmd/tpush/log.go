package main

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"slices"

	"github.com/tpush/tpush/tdsl"
)

// logs is where the program's log goes: the console, and a file below the home
// directory.
type logs struct {
	*slog.Logger
	file *logFile // nil when there is none
}

// openLogs opens the log as a configuration has it. A file that cannot be
// written is told on the console and stops nothing.
func openLogs(console io.Writer, format string, debug bool, home string, cfg logConfig) *logs {
	levels, err := cfg.levels()
	if debug {
		levels.root, levels.console, levels.loggers = levelAll, levelAll, nil
	}
	l := &logs{}
	outs := []logOut{{levels.console, true, formatted(console, format)}}
	if cfg.wantsFile() {
		l.file = newLogFile(filepath.Join(home, "logs", "tpush.log"), cfg)
		if openErr := l.file.Reopen(); openErr == nil {
			outs = append(outs, logOut{levels.file, false, formatted(l.file, cfg.Format)})
		} else {
			defer func() { l.Warn("no log file is written", "err", openErr) }()
			l.file = nil
		}
	}
	l.Logger = slog.New(newRouter(levels, outs))
	if err != nil {
		l.Warn("the log has its default levels", "bean", "logging", "err", err)
	}
	return l
}

// Reload opens the log file again, which an admin's program may have moved.
func (l *logs) Reload() error {
	if l.file == nil {
		return nil
	}
	return l.file.Reopen()
}

// Close closes the log file.
func (l *logs) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// Formats of a log.
const (
	formatText   = "text"   // key=value
	formatTigase = "tigase" // as tigase.log has it
	formatJSON   = "json"
)

// formatted returns a handler that lets every level through.
func formatted(w io.Writer, format string) slog.Handler {
	all := &slog.HandlerOptions{Level: levelAll}
	switch format {
	case formatJSON:
		return slog.NewJSONHandler(w, all)
	case formatText:
		return slog.NewTextHandler(w, all)
	}
	return &tigaseHandler{out: w}
}

// logging reads the bean 'logging' before anything is built, because building
// logs. What does not fit in it is the bean's own failure later.
func logging(f *tdsl.File, env tdsl.Env) logConfig {
	cfg := defaultLogging()
	block, ok := f.Root.Lookup("logging").(*tdsl.Block)
	if !ok {
		block = &tdsl.Block{}
	}
	if _, err := tdsl.Decode(block, []*tdsl.Block{&f.Root}, env, &cfg); err != nil {
		return defaultLogging()
	}
	return cfg
}

// logOut is one place that the log goes to, from a level on; the console also
// has what is asked for with debug.
type logOut struct {
	level   slog.Level
	console bool
	slog.Handler
}

// router hands a record to every place that wants it. What a bean logs is let
// through from the level of its logger on.
type router struct {
	levels logLevels
	from   slog.Level
	told   bool // also on the console, whatever its level
	outs   []logOut
}

func newRouter(levels logLevels, outs []logOut) *router {
	from, told := levels.of("")
	return &router{levels, from, told, outs}
}

func (r *router) wants(o logOut, level slog.Level) bool {
	return level >= o.level || r.told && o.console
}

// Enabled implements [slog.Handler].
func (r *router) Enabled(_ context.Context, level slog.Level) bool {
	return level >= r.from && slices.ContainsFunc(r.outs, func(o logOut) bool { return r.wants(o, level) })
}

// Handle implements [slog.Handler].
func (r *router) Handle(ctx context.Context, record slog.Record) error {
	var failed error
	for _, o := range r.outs {
		if r.wants(o, record.Level) {
			if err := o.Handle(ctx, record); err != nil {
				failed = err
			}
		}
	}
	return failed
}

// WithAttrs implements [slog.Handler].
func (r *router) WithAttrs(attrs []slog.Attr) slog.Handler {
	of := *r
	for _, a := range attrs {
		if a.Key == "bean" {
			of.from, of.told = r.levels.of(a.Value.String())
		}
	}
	return of.with(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

// WithGroup implements [slog.Handler].
func (r *router) WithGroup(name string) slog.Handler {
	return r.with(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (r *router) with(change func(slog.Handler) slog.Handler) slog.Handler {
	out := *r
	out.outs = make([]logOut, len(r.outs))
	for i, o := range r.outs {
		out.outs[i] = logOut{o.level, o.console, change(o.Handler)}
	}
	return &out
}
