package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/tpush/tpush/beans"
	web "github.com/tpush/tpush/component/http"
)

const (
	subjectConfig  = "Configuration"
	subjectProcess = "Process"
)

// configuration tells what check tells, and what the file makes of the program.
func (d *doctor) configuration(ctx context.Context, buildErr error) {
	file := d.src.name()
	findings, err := findAll(ctx, d.src, d.file)
	if err != nil {
		d.ill(subjectConfig, "", "%v", err)
	}
	for _, f := range findings {
		switch f.Severity {
		case beans.Warning:
			if strings.Contains(f.Msg, "no certificate yet") {
				continue // the database may have one: the push service tells
			}
			d.warn(subjectConfig, f.Hint, "%s: %s", f.Pos, f.Msg)
		case beans.Fault:
			d.ill(subjectConfig, f.Hint, "%s: %s", f.Pos, f.Msg)
		}
	}
	var ids []string
	for _, p := range beans.Built[*pushBean](d.graph) {
		for _, i := range p.Service().Providers() {
			ids = append(ids, p.name+"/"+i.ID)
		}
	}
	switch {
	case buildErr != nil:
		d.ill(subjectConfig, "correct what is named above; nothing else can be looked at before", "tpush does not start with %s", file)
	case len(ids) == 0:
		d.ill(subjectConfig, "add 'apns-binary-api' () { … } or 'fcm-http-v1' () { … } to the push block", "no provider works: no device can be registered or reached")
	default:
		d.well(subjectConfig, "%s is read; providers: %s", file, strings.Join(ids, ", "))
	}
}

// process looks whether the program runs, and what it says of its providers.
func (d *doctor) process(ctx context.Context) {
	ctx, cancel := limited(ctx)
	defer cancel()
	var all []web.Status
	err := askRunning(ctx, d.src.Home, http.MethodGet, web.PathStatus, url.Values{}, &all)
	switch {
	case errors.Is(err, errNotRunning):
		d.warn(subjectProcess, "start it: systemctl start tpush, or scripts/tpush.sh start", "tpush does not run here (nothing serves %s)", socketFile)
		return
	case err != nil:
		d.ill(subjectProcess, "look into the log", "the running program: %v", err)
		d.running = true
		return
	}
	d.running = true
	d.well(subjectProcess, "tpush runs")
	for _, s := range all {
		for _, p := range s.Providers {
			state := fmt.Sprintf("%s of %s: %d accepted since the start", p.ID, s.Service, p.Accepted)
			switch {
			case p.Paused && p.CallsPaused:
				d.ill(subjectProcess, "see page errors; the last error: "+p.LastError, "%s; pushes are answered as temporary failures at once", state)
			case p.Paused || p.CallsPaused:
				d.warn(subjectProcess, "see page errors; the last error: "+p.LastError, "%s; some pushes are answered as temporary failures at once", state)
			default:
				d.well(subjectProcess, "%s", state)
			}
		}
	}
}
