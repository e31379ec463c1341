//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tpush/tpush/providers/apns/apnstest"
	"github.com/tpush/tpush/providers/fcm/fcmtest"
)

// fault is something that goes wrong for a while. what does it, holds it for so
// long, and puts it right.
type fault struct {
	name  string
	lossy bool // answers of push services may be lost
	kills bool // the program is another process after it
	what  func(ctx context.Context, l *load, hold time.Duration) error
	hold  time.Duration // at least; at most twice as long
}

// faults are all that there are. The clock of the program itself cannot be
// changed: it asks the kernel, not the C library.
func faults(databases int) []fault {
	all := []fault{
		{name: "kill -9 of the program", lossy: true, kills: true, hold: 500 * time.Millisecond, what: killProgram},
		{name: "restart of the program", lossy: true, kills: true, hold: 500 * time.Millisecond, what: restartProgram},
		{name: "server gone", hold: 2 * time.Second, what: serverGone},
		{name: "streams reset", hold: 3 * time.Second, what: streamsReset},
		{name: "push services reset connections", lossy: true, hold: 4 * time.Second, what: resets},
		{name: "push services refuse connections", lossy: true, hold: 4 * time.Second, what: refused},
		{name: "push services silent on the wire", lossy: true, hold: 10 * time.Second, what: silentLines},
		{name: "push services hang", lossy: true, hold: 15 * time.Second, what: hang},
		{name: "GOAWAY storm", hold: 4 * time.Second, what: answers(apnstest.Answer{GoAway: true}, fcmtest.Answer{})},
		{name: "429 storm", hold: 4 * time.Second, what: answers(apnstest.Answer{Status: 429, Reason: "TooManyRequests"},
			fcmtest.Answer{Status: 429, Code: "QUOTA_EXCEEDED", RetryAfter: "3"})},
		{name: "503 storm", hold: 4 * time.Second, what: answers(apnstest.Answer{Status: 503, Reason: "ServiceUnavailable"}, fcmtest.Answer{Status: 503, Code: "UNAVAILABLE"})},
		{name: "answers cut off", lossy: true, hold: 4 * time.Second, what: answers(apnstest.Answer{Drop: true}, fcmtest.Answer{Drop: true})},
		{name: "nonsense for answers", hold: 4 * time.Second, what: answers(apnstest.Answer{Status: 500, Body: "<html>"}, fcmtest.Answer{Status: 500, Body: "<html>", ContentType: "text/html"})},
		{name: "credentials refused", hold: 3 * time.Second, what: answers(apnstest.Answer{Status: 403, Reason: "BadCertificate"}, fcmtest.Answer{Status: 401, Code: "UNAUTHENTICATED"})},
		{name: "token endpoint down", hold: 6 * time.Second, what: tokensDown(fcmtest.Answer{Status: 503, Code: "internal_failure"})},
		{name: "token endpoint silent", lossy: true, hold: 6 * time.Second, what: tokensDown(fcmtest.Answer{Delay: time.Minute})},
		{name: "DNS fails", lossy: true, hold: 5 * time.Second, what: dns(failing)},
		{name: "DNS silent", lossy: true, hold: 5 * time.Second, what: dns(mute)},
		{name: "disk full", hold: 5 * time.Second, what: diskFull},
		{name: "Apple's clock two hours ahead", hold: 4 * time.Second, what: clock(2 * time.Hour)},
		{name: "Apple's clock two hours behind", hold: 4 * time.Second, what: clock(-2 * time.Hour)},
		{name: "certificate swapped", hold: 2 * time.Second, what: swap},
	}
	if databases > 0 {
		all = append(all, fault{name: "kill -9 of MariaDB", hold: 2 * time.Second, what: killDatabase},
			fault{name: "database silent on the wire", hold: 8 * time.Second, what: silentDatabase})
	}
	return all
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func killProgram(ctx context.Context, l *load, hold time.Duration) error {
	p := l.instances[l.turn%len(l.instances)].program
	l.cut()
	if err := p.kill(); err != nil {
		return err
	}
	wait(ctx, hold)
	l.cut()
	if err := p.start(); err != nil {
		return err
	}
	return l.connected(ctx)
}

// restartProgram is an update: what is in work is finished.
func restartProgram(ctx context.Context, l *load, hold time.Duration) error {
	p := l.instances[l.turn%len(l.instances)].program
	l.cut()
	if err := p.stop(stopLimit); err != nil {
		return err
	}
	wait(ctx, hold)
	l.cut()
	if err := p.start(); err != nil {
		return err
	}
	return l.connected(ctx)
}

func serverGone(ctx context.Context, l *load, hold time.Duration) error {
	l.cut()
	for _, i := range l.instances {
		i.toServer.down()
	}
	wait(ctx, hold)
	l.cut()
	for _, i := range l.instances {
		if err := i.toServer.up(); err != nil {
			return err
		}
	}
	return l.connected(ctx)
}

func streamsReset(ctx context.Context, l *load, hold time.Duration) error {
	for end := time.Now().Add(hold); time.Now().Before(end); wait(ctx, 500*time.Millisecond) {
		l.cut()
		for _, i := range l.instances {
			i.toServer.reset()
		}
	}
	return nil
}

// pushLines are the ways to the push services.
func (b *lab) pushLines() []*proxy { return []*proxy{b.toCert, b.toKey, b.toGoogle} }

func resets(ctx context.Context, l *load, hold time.Duration) error {
	for end := time.Now().Add(hold); time.Now().Before(end); wait(ctx, 150*time.Millisecond) {
		for _, p := range l.pushLines() {
			p.reset()
		}
	}
	return nil
}

func refused(ctx context.Context, l *load, hold time.Duration) error {
	for _, p := range l.pushLines() {
		p.down()
	}
	wait(ctx, hold)
	for _, p := range l.pushLines() {
		if err := p.up(); err != nil {
			return err
		}
	}
	return nil
}

func silentLines(ctx context.Context, l *load, hold time.Duration) error {
	for _, p := range l.pushLines() {
		p.hold()
	}
	wait(ctx, hold)
	for _, p := range l.pushLines() {
		p.release()
	}
	return nil
}

func silentDatabase(ctx context.Context, l *load, hold time.Duration) error {
	line := l.toDatabases[l.turn%len(l.toDatabases)]
	line.hold()
	wait(ctx, hold)
	line.release()
	return nil
}

// hang makes APNs take half a minute, twice as long as this fault holds.
func hang(ctx context.Context, l *load, hold time.Duration) error {
	return answers(apnstest.Answer{Delay: 30 * time.Second}, fcmtest.Answer{Delay: 30 * time.Second})(ctx, l, hold)
}

// answers makes the push services give these to all.
func answers(apple apnstest.Answer, google fcmtest.Answer) func(context.Context, *load, time.Duration) error {
	return func(ctx context.Context, l *load, hold time.Duration) error {
		l.apns.SetLoad(apnstest.Load{CountOnly: true, Every: 1, Answer: apple})
		l.fcm.Script("", google)
		wait(ctx, hold)
		l.apns.SetLoad(apnstest.Load{CountOnly: true})
		l.fcm.Script("", fcmtest.Answer{})
		return nil
	}
}

func tokensDown(a fcmtest.Answer) func(context.Context, *load, time.Duration) error {
	return func(ctx context.Context, l *load, hold time.Duration) error {
		l.fcm.ScriptTokens(a)
		l.fcm.RevokeTokens()
		wait(ctx, hold)
		l.fcm.ScriptTokens(fcmtest.Answer{})
		return nil
	}
}

// dns makes the resolver fail, and names be asked for.
func dns(mode int32) func(context.Context, *load, time.Duration) error {
	return func(ctx context.Context, l *load, hold time.Duration) error {
		l.dns.mode.Store(mode)
		for _, p := range l.pushLines() {
			p.reset()
		}
		for _, p := range l.toDatabases {
			p.reset()
		}
		wait(ctx, hold)
		l.dns.mode.Store(answering)
		return nil
	}
}

// diskFull fills the disk that the program logs to, and has its SQLite on. That
// writes into the room of its log at first: it takes many registrations until it
// needs more.
func diskFull(ctx context.Context, l *load, hold time.Duration) error {
	name := filepath.Join(l.disk, "filled")
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	for chunk := make([]byte, 4096); err == nil; {
		_, err = f.Write(chunk)
	}
	for end := time.Now().Add(hold); time.Now().Before(end); wait(ctx, 10*time.Millisecond) {
		l.newDevice()
	}
	return os.Remove(name)
}

func clock(offset time.Duration) func(context.Context, *load, time.Duration) error {
	return func(ctx context.Context, l *load, hold time.Duration) error {
		l.apns.SetClock(offset)
		wait(ctx, hold)
		l.apns.SetClock(0)
		return nil
	}
}

// swap puts a new certificate in the old one's place under load, then one that
// is none, then a good one again.
func swap(ctx context.Context, l *load, hold time.Duration) error {
	file := filepath.Join(l.work, "apns-cert.p12")
	reload := func() (err error) {
		for _, i := range l.instances {
			err = errors.Join(err, i.program.cmd.Process.Signal(syscall.SIGHUP))
		}
		return err
	}
	if err := l.issue(); err != nil {
		return err
	}
	if err := reload(); err != nil {
		return err
	}
	wait(ctx, hold)
	if err := os.WriteFile(file, []byte("no certificate"), 0o600); err != nil {
		return err
	}
	if err := reload(); err != nil {
		return err
	}
	wait(ctx, hold)
	if err := l.issue(); err != nil {
		return err
	}
	return reload()
}

// killDatabase kills one node after the other, and waits until it is back.
func killDatabase(ctx context.Context, l *load, hold time.Duration) error {
	n := l.turn % len(l.databases)
	if err := l.databases[n].kill(); err != nil {
		return err
	}
	wait(ctx, hold)
	if err := l.databases[n].start(); err != nil || len(l.databases) == 1 {
		return err
	}
	return l.joined(ctx, n)
}

// harmless reports whether no publish may fail while it lasts.
func (f *fault) harmless() bool { return f.name == "certificate swapped" }

// enough results in a row of each provider, for each program, show that all is
// well: every program has a breaker of its own for each, and they close one by one.
const enough = 10

// strike lets one fault happen and waits until all is well again. It returns
// how long that took.
func (l *load) strike(ctx context.Context, f *fault, rng *rand.Rand, limit time.Duration) (recovery time.Duration, err error) {
	l.turn++
	hold := f.hold + time.Duration(rng.Int64N(int64(f.hold)))
	from := time.Now()
	if err := f.what(ctx, l, hold); err != nil {
		return 0, fmt.Errorf("%s: %w", f.name, err)
	}
	l.restart()
	ended := time.Now()
	err = until(ctx, limit, "publishes are answered with results again after "+f.name, func() bool { return l.flowing(enough * len(l.instances)) })
	if f.lossy {
		l.mu.Lock()
		l.oracle.lossy = append(l.oracle.lossy, window{from, time.Now()})
		l.mu.Unlock()
	}
	return time.Since(ended), err
}
