package http

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Socket serves a handler on a Unix socket that nobody but the program's own
// user can open. Commands of the same user reach the running program there.
type Socket struct {
	Path    string
	Handler http.Handler
	Log     *slog.Logger
	// Pause is between two attempts to open it; 0 means five seconds.
	Pause time.Duration
}

// Run serves until ctx ends. A socket that cannot be opened is a warning: pushes
// do not depend on it. It is tried again, as a program that is replaced has it
// until it leaves.
func (s *Socket) Run(ctx context.Context) {
	l := s.open(ctx)
	if l == nil {
		return
	}
	srv := &http.Server{Handler: s.Handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.Log.Warn("the socket for commands ended", "err", err)
		}
	}()
	<-ctx.Done()
	// Removed before it is closed: the next program may open its own at once.
	_ = os.Remove(s.Path)
	// A command that still waits is given up with the program.
	_ = srv.Close()
	<-served
}

// open opens the socket as soon as that is possible; nil when ctx ends before.
func (s *Socket) open(ctx context.Context) net.Listener {
	for told := false; ; told = true {
		l, err := s.listen()
		if err == nil {
			return l
		}
		if !told {
			s.Log.Warn("no socket for commands: 'tpush explain' tells what the database knows", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(cmp.Or(s.Pause, 5*time.Second)):
		}
	}
}

// listen opens the socket. It is made in a folder that is closed to others and
// moved to its place when its own rights are set, so that nobody ever finds it
// open. One that a program left behind is replaced, one that is served is not.
func (s *Socket) listen() (net.Listener, error) {
	if c, err := net.DialTimeout("unix", s.Path, time.Second); err == nil {
		c.Close()
		return nil, fmt.Errorf("%s: another program serves it", s.Path)
	}
	folder := filepath.Dir(s.Path)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("make its folder: %w", err)
	}
	private, err := os.MkdirTemp(folder, ".s")
	if err != nil {
		return nil, fmt.Errorf("make its folder: %w", err)
	}
	defer os.RemoveAll(private)
	raw := filepath.Join(private, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: raw, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	l.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(raw, 0o600), os.Rename(raw, s.Path)); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", s.Path, err), l.Close())
	}
	return l, nil
}

// Dial returns a client for the program that serves the socket of that path.
// The host in its URLs is of no meaning.
func Dial(path string) *http.Client {
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}, DisableKeepAlives: true}}
}
