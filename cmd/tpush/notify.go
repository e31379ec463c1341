package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"
)

// notifier tells the service manager how the program is (systemd, sd_notify(3)).
// The zero value tells nobody.
type notifier struct {
	socket string
	log    *slog.Logger
}

// newNotifier takes the socket that systemd names.
func newNotifier(l *slog.Logger) notifier { return notifier{os.Getenv("NOTIFY_SOCKET"), l} }

// tell sends one state, such as READY=1. It never stops the program.
func (n notifier) tell(state string) {
	if n.socket == "" {
		return
	}
	name := n.socket
	if name[0] == '@' { // an abstract socket
		name = "\x00" + name[1:]
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		n.log.Warn("the service manager cannot be told", "state", state, "err", err)
		return
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(state)); err != nil {
		n.log.Warn("the service manager cannot be told", "state", state, "err", err)
	}
}

// watch tells that the program is alive, twice in each period that systemd
// allows, until ctx ends.
func (n notifier) watch(ctx context.Context) {
	usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || usec <= 0 || n.socket == "" {
		return
	}
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return
	}
	t := time.NewTicker(time.Duration(usec) * time.Microsecond / 2)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			n.tell("WATCHDOG=1")
		case <-ctx.Done():
			return
		}
	}
}
