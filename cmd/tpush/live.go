package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/tpush/tpush/beans"
	web "github.com/tpush/tpush/component/http"
	"github.com/tpush/tpush/component/push"
)

// reloader is a bean that reads its files again at SIGHUP: certificates and keys
// that were renewed. After an error it goes on with what it has.
type reloader interface{ Reload() error }

// drainer is a bean that lets work in hand be finished at the end, and for how
// long.
type drainer interface{ LimitDrain(d time.Duration) }

// live runs the beans until ctx ends, tells the service manager how things are,
// and serves SIGHUP.
func (r *runCommand) live(ctx context.Context, g *beans.Graph, l *logs) error {
	for _, d := range beans.Built[drainer](g) {
		d.LimitDrain(r.Drain)
	}
	manager := newNotifier(l.Logger)
	g.Started = func() { manager.tell("READY=1") }

	beside, end := context.WithCancel(context.WithoutCancel(ctx)) // also while it drains
	var all sync.WaitGroup
	all.Go(func() { manager.watch(beside) })
	all.Go(func() { hangups(beside, g, l) })
	all.Go(func() { settle(beside) })
	inside := &web.Inside{Services: func() map[string]*push.Service { return served(g) }}
	socket := &web.Socket{Path: filepath.Join(r.Home, socketFile), Handler: withConnections(inside.Handler(), g), Log: l.Logger}
	all.Go(func() { socket.Run(beside) })
	all.Go(func() {
		select {
		case <-ctx.Done():
			manager.tell("STOPPING=1")
		case <-beside.Done():
		}
	})
	err := g.Run(ctx)
	end()
	all.Wait()
	return err
}

// hangups reloads at each SIGHUP until ctx ends.
func hangups(ctx context.Context, g *beans.Graph, l *logs) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	defer signal.Stop(signals)
	for {
		select {
		case <-signals:
			reload(append([]reloader{l}, beans.Built[reloader](g)...), l)
		case <-ctx.Done():
			return
		}
	}
}

func reload(all []reloader, l *logs) {
	failed := 0
	for _, r := range all {
		if err := r.Reload(); err != nil {
			failed++
			l.Error("reload: what was loaded before stays in use", "err", err)
		}
	}
	l.Info("reloaded: the log is opened anew, certificates and keys are read again; a changed configuration needs a restart", "failed", failed)
}
