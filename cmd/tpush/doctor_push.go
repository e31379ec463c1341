package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/tpush/tpush/beans"
	"github.com/tpush/tpush/providers"
)

const (
	subjectCredentials = "Certificates"
	subjectPush        = "Push services"
)

// credentials tells what certificates say of themselves and when they end.
func (d *doctor) credentials(context.Context) {
	now := time.Now()
	for _, p := range beans.Built[providers.Provider](d.graph) {
		x, ok := p.(providers.Expirer)
		if !ok {
			continue
		}
		for _, c := range x.Expiries() {
			day, left := c.At.UTC().Format(time.DateOnly), c.At.Sub(now)
			cure := "make a new one in Apple's developer account; put it in the file's place and send SIGHUP, or: tpush certificate set " + p.Info().ID
			switch {
			case left <= 0:
				d.ill(subjectCredentials, cure, "%s, %s (%s): expired on %s", p.Info().ID, c.What, c.Detail, day)
			case left < soon:
				d.warn(subjectCredentials, cure, "%s, %s (%s): valid until %s, %s", p.Info().ID, c.What, c.Detail, day, plural(int(left/(24*time.Hour)), "day"))
			default:
				d.well(subjectCredentials, "%s, %s (%s): valid until %s", p.Info().ID, c.What, c.Detail, day)
			}
		}
	}
}

// pushServices sends each push service a push to a device that does not exist:
// the answer tells whether it is reached and takes our credentials.
func (d *doctor) pushServices(ctx context.Context) {
	for _, p := range beans.Built[providers.Provider](d.graph) {
		limit, cancel := limited(ctx)
		token := "tpush-doctor-asks-for-no-device"
		if p.CheckToken(token) != nil {
			token = strings.Repeat("0", 64) // APNs
		}
		begun := time.Now()
		err := p.Push(limit, providers.Target{Account: "doctor@tpush.invalid", Token: token},
			providers.Notification{ID: "00000000-0000-4000-8000-000000000000", Account: "doctor@tpush.invalid", Body: "test", Priority: providers.High})
		took := time.Since(begun).Round(time.Millisecond)
		cancel()
		d.pushService(p.Info(), err, took)
	}
}

func (d *doctor) pushService(p providers.Info, err error, took time.Duration) {
	var pe *providers.Error
	answered := errors.As(err, &pe) && pe.Status != 0
	switch kind := providers.KindOf(err); {
	case err == nil, kind == providers.Doubtful, kind == providers.Gone, kind == providers.Throttled:
		d.well(subjectPush, "%s: %s answers in %s and takes the credentials", p.ID, p.Label, took)
	case kind == providers.Unauthorized && !answered:
		d.ill(subjectPush, "look at the certificate or key", "%s: there are no credentials that %s takes: %v", p.ID, p.Label, err)
	case kind == providers.Unauthorized:
		d.ill(subjectPush, "look at the certificate or key, its environment ('sandbox') and the topic or project", "%s: %s refuses the credentials: %v", p.ID, p.Label, err)
	case kind == providers.Refused && answered:
		d.well(subjectPush, "%s: %s answers in %s and takes the credentials", p.ID, p.Label, took)
	default:
		d.ill(subjectPush, "look at the network, a firewall or 'proxy': Apple's port is 443 (or 2197), Google's 443", "%s: %s gives no answer: %v", p.ID, p.Label, err)
	}
}
