package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/tdsl"
)

// runCommand serves pushes until it is told to stop.
type runCommand struct {
	source
	Strict   bool     `help:"Refuse a configuration that has errors or warnings."`
	Activate []string `help:"Serve a bean that the file marks active: false." placeholder:"NAME"`
	Debug    bool     `help:"Log everything, also on the console."`

	// InstallSchema is on so that a swap needs no step of its own. The property
	// schema-management of a data source forbids it, too.
	InstallSchema bool `help:"Create tables that are missing before the start, as 'tpush schema install' does." default:"true" negatable:""`

	LogFormat string        `help:"Format of the log on the console: text, tigase or json." enum:"text,tigase,json" default:"text"`
	Drain     time.Duration `help:"How long requests in work may take at the end." default:"30s"`
}

// Run implements the command.
func (r *runCommand) Run(ctx context.Context, io streams) error {
	ctx, stop := signalled(ctx)
	defer stop()
	return r.serve(ctx, io.err)
}

// signalled returns a context that ends at the first SIGTERM or SIGINT; the
// second ends the program at once.
func signalled(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-signals:
			case <-done:
				return
			}
			if n > 0 {
				os.Exit(exitFailed)
			}
			cancel()
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}

// serve loads the configuration, builds its beans and runs them until ctx ends.
func (r *runCommand) serve(ctx context.Context, w io.Writer) error {
	file, err := r.load(w)
	if err != nil {
		return err
	}
	if r.Strict {
		if err := r.refuse(ctx, file, w); err != nil {
			return err
		}
	}
	env := r.environment(file)
	l := openLogs(w, r.LogFormat, r.Debug, r.Home, logging(file, env))
	defer l.Close()
	if r.InstallSchema {
		r.installSchema(ctx, l.Logger)
	}
	g, err := beans.Build(ctx, file, env, classes(r.Home), l.Logger, r.Activate...)
	for _, f := range g.Findings {
		attrs := []any{"at", f.Pos.String()}
		if f.Hint != "" {
			attrs = append(attrs, "advice", f.Hint)
		}
		l.Log(ctx, levelOf(f.Severity), f.Msg, attrs...)
	}
	if err != nil {
		printFailure(w, err)
		return exit(exitConfig)
	}
	showConfig(g, env)
	l.Info("starting", "version", versionText(), "config", r.name())
	if err := r.live(ctx, g, l); ctx.Err() != nil && errors.Is(err, context.Canceled) {
		l.Info("told to stop while it was starting")
	} else if err != nil {
		printFailure(w, err)
		return errors.Join(exit(exitConfig), g.Close())
	}
	if err := g.Close(); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	l.Info("stopped")
	return nil
}

// refuse prints what 'check --strict' finds, and returns its exit code.
func (r *runCommand) refuse(ctx context.Context, file *tdsl.File, w io.Writer) error {
	findings, err := findAll(ctx, &r.source, file, r.Activate...)
	if err != nil {
		return err
	}
	if err := verdict(findings, true); err != nil {
		r.printAll(w, findings)
		fmt.Fprintln(w, "tpush: the configuration has errors or warnings, and --strict is set")
		return err
	}
	return nil
}

// installSchema creates tables that are missing. When that fails, the start says
// what is missing and what to do.
func (r *runCommand) installSchema(ctx context.Context, l *slog.Logger) {
	ds, err := r.database(ctx, io.Discard)
	if err != nil {
		return
	}
	defer ds.Close()
	// What is complete is not touched, nor what an admin keeps for himself.
	if state, err := ds.CheckSchema(ctx); err != nil || len(state.Missing) == 0 {
		return
	}
	created, err := ds.InstallSchema(ctx)
	if len(created) > 0 {
		l.Info("tables created", "database", ds.String(), "created", strings.Join(created, ", "))
	}
	if err != nil {
		l.Warn("tables not created", "err", err)
	}
}

// printFailure says why the program cannot start, with the source line of the
// bean that cannot.
func printFailure(w io.Writer, err error) {
	var be *beans.Error
	for deeper := (*beans.Error)(nil); errors.As(err, &deeper); err = deeper.Err {
		be = deeper // the innermost is the bean that is at fault
	}
	if be == nil {
		fmt.Fprintf(w, "tpush: cannot start: %v\n", err)
		return
	}
	// What cannot be read has no lines to show.
	text, _ := readText(be.Pos.File)
	printFinding(w, beans.Finding{Severity: beans.Fault, Pos: be.Pos, Msg: fmt.Sprintf("cannot start %s: %v", be.Bean, be.Err)}, newLines(text))
}

func levelOf(s beans.Severity) slog.Level {
	switch s {
	case beans.Fault:
		return slog.LevelError
	case beans.Warning:
		return slog.LevelWarn
	}
	return slog.LevelDebug
}
