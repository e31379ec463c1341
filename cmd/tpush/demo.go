package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/component/ext/exttest"
	"github.com/tpush/tpush/providers/apns/apnstest"
	"github.com/tpush/tpush/providers/fcm/fcmtest"
	"github.com/tpush/tpush/tdsl"
	"golang.org/x/term"
)

// demoCommand shows the program at work, with simulators all around it.
type demoCommand struct {
	Stay bool `help:"Keep running after the last step, until interrupted."`
	JSON bool `name:"json" help:"Print each step as a line of JSON."`
	Log  bool `help:"Show the program's own log as well."`
}

// The demo's world.
const (
	demoDomain = "push.example.com"
	demoSecret = "s3cret"
	demoTopic  = "com.example.app"
)

// demoConfig is the configuration that the demo runs on.
const demoConfig = `ext () {
    items = [ '%s:%s:connect:%d:127.0.0.1:accept' ]
}
push () {
    'tigase:messenger:apns:1' (class: tigase.push.apns.APNsBinaryApiProvider) {
        'cert-file' = 'apns-cert.p12'
        'cert-password' = 'Pa$$w0rd'
        'apns-topic' = '%s'
        host = '%s'
        'ca-file' = 'apns-ca.pem'
    }
    'fcm-http-v1' () {
        'service-account-file' = 'service-account.json'
        endpoint = '%s'
    }
}
`

// demoPage is what makes a demo that stays show the status page.
const demoPage = `http () {
    management {
        listen = '%s'
    }
}
`

// demo is a running demo.
type demo struct {
	line   *timeline
	page   string // where the status page is, host:port; empty: there is none
	server *exttest.Server
	apns   *apnstest.Server
	fcm    *fcmtest.Server
	home   string
	failed int
}

// Run implements the command. The error is exit code 1 when a step did not have
// the outcome that it has to have.
func (c *demoCommand) Run(ctx context.Context, io streams) error {
	ctx, stop := signal.NotifyContext(ctx, endings()...)
	defer stop()
	// A reader that goes away is an error of the next write, not the end of the
	// process: the folder is removed then, too.
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Reset(syscall.SIGPIPE)
	out := &checkedWriter{Writer: io.out, stop: stop}
	file, isFile := io.out.(*os.File)
	d := &demo{line: &timeline{out: out, json: c.JSON, color: isFile && term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == ""}}
	l := slog.New(slog.DiscardHandler)
	if c.Log {
		l = slog.New(slog.NewTextHandler(io.err, nil))
	}
	defer d.close()
	err := c.show(ctx, d, l)
	switch {
	case errors.Is(out.failed, syscall.EPIPE): // the reader has what it wanted, as head
		return exit(exitFailed)
	case out.failed != nil:
		return fmt.Errorf("write the steps: %w", out.failed)
	}
	return err
}

// endings are the signals that end the demo; that of a terminal which is closed,
// unless nohup has it ignored.
func endings() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// show runs the component and takes the steps.
func (c *demoCommand) show(ctx context.Context, d *demo, l *slog.Logger) error {
	if err := d.open(c.Stay); err != nil {
		return err
	}
	component, wait := context.WithCancel(ctx)
	defer wait()
	done := make(chan error, 1)
	go func() { done <- d.serve(component, l) }()
	if err := d.server.Wait(limit(ctx, 10*time.Second), demoDomain, 1); err != nil {
		wait()
		return fmt.Errorf("the component did not connect: %w", firstOf(<-done, err))
	}
	d.steps(ctx)
	d.finish()
	if c.Stay && ctx.Err() == nil {
		d.line.say("\nRunning on. The status page is at http://%s/. The component's server listens on 127.0.0.1:%d, APNs on %s, FCM on %s. Press Ctrl-C to end.",
			d.page, d.server.Port(), d.apns.Addr(), d.fcm.Endpoint())
		<-ctx.Done()
	}
	wait()
	if err := <-done; err != nil {
		return err
	}
	if d.failed > 0 {
		return exit(exitFailed)
	}
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// limit is a context that ends in time; what it leaves behind ends with ctx.
func limit(ctx context.Context, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(ctx, d)
	context.AfterFunc(ctx, cancel)
	return ctx
}

// open starts the simulators and writes the files that the configuration names.
func (d *demo) open(page bool) (err error) {
	if d.home, err = os.MkdirTemp("", "tpush-demo-"); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	if d.server, err = exttest.New(exttest.Options{Secrets: map[string]string{demoDomain: demoSecret}}); err != nil {
		return err
	}
	sim, err := openSimulators(d.home)
	if err != nil {
		return err
	}
	d.apns, d.fcm = sim.apns, sim.fcm
	config := fmt.Sprintf(demoConfig, demoDomain, demoSecret, d.server.Port(), demoTopic, d.apns.Addr(), d.fcm.Endpoint())
	if page {
		if d.page, err = freeAddress(); err != nil {
			return err
		}
		config += fmt.Sprintf(demoPage, d.page)
	}
	if err := os.WriteFile(filepath.Join(d.home, "config.tdsl"), []byte(config), 0o600); err != nil {
		return fmt.Errorf("write config.tdsl: %w", err)
	}
	d.line.say("%s", d.line.paint(bold, "tpush demo: the real component between an XMPP server, APNs and FCM that are simulated on this machine."))
	d.line.say("It runs on this config.tdsl and an empty SQLite database:\n")
	for line := range strings.Lines(config) {
		d.line.say("    %s", strings.TrimRight(line, "\n"))
	}
	return nil
}

// freeAddress is one of this machine that nobody listens at.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("look for a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// serve runs the component on the configuration.
func (d *demo) serve(ctx context.Context, l *slog.Logger) error {
	f, err := os.Open(filepath.Join(d.home, "config.tdsl"))
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	defer f.Close()
	file, err := tdsl.Load("config.tdsl", f)
	if err != nil {
		return err
	}
	g, err := beans.Build(ctx, file, tdsl.Env{}, classes(d.home), l)
	if err != nil {
		return err
	}
	return firstOf(g.Run(ctx), g.Close())
}

// finish prints the result.
func (d *demo) finish() {
	if err := d.server.Faults(); err != nil {
		d.line.print(&step{Name: "What a real server would have refused", Wrong: err.Error()})
		d.failed++
	}
	if d.failed == 0 {
		d.line.say("\n%s", d.line.paint(green, fmt.Sprintf("All %d steps had the outcome that they have to have.", d.line.count)))
		return
	}
	d.line.say("\n%s", d.line.paint(red, fmt.Sprintf("%d of %d steps went wrong.", d.failed, d.line.count)))
}

func (d *demo) close() {
	if d.server != nil {
		d.server.Close()
	}
	if d.apns != nil {
		d.apns.Close()
	}
	if d.fcm != nil {
		d.fcm.Close()
	}
	if d.home != "" {
		// A folder in the temporary directory that stays does no harm.
		_ = os.RemoveAll(d.home)
	}
}
