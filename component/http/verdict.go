package http

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tpush/tpush/component/push"
)

// verdict says at a glance whether pushes flow, and if not, why.
type verdict struct {
	Level    string // good, warn, bad
	Sentence string
	Findings []finding
}

// finding is one thing that is not as it should be, and what to do.
type finding struct{ Level, Text, Cure string }

const (
	levelGood = "good"
	levelWarn = "warn"
	levelBad  = "bad"

	// expirySoon is when a certificate's end is worth a warning.
	expirySoon = 14 * 24 * time.Hour
)

// judge looks at everything there is.
func (p *Program) judge(ctx context.Context, now time.Time) verdict {
	var all []finding
	for _, k := range p.Connections() {
		if k.Live == 0 {
			all = append(all, finding{levelBad, fmt.Sprintf("%s is not connected to the XMPP server at %s%s.", k.Domain, k.Server, because(k.Failure)),
				"Look whether the server runs, listens for components at this address, and knows this domain and its password."})
		}
	}
	if len(p.Connections()) == 0 {
		all = append(all, finding{levelBad, "No XMPP server is configured.", "Add 'items' to the 'ext' block, or lines to etc/externalComponentItems."})
	}
	if err := p.askStore(ctx); err != nil {
		all = append(all, finding{levelBad, "The database does not answer: " + err.Error() + ".", "Until it does, every publish is answered as failed for the moment; no registration is lost."})
	}
	for _, c := range p.states(ctx) {
		if len(c.providers) == 0 {
			all = append(all, finding{levelBad, fmt.Sprintf("'%s' has no provider: no device can be registered.", c.Name), "Add 'apns-binary-api' () { … } or 'fcm-http-v1' () { … } to its block."})
		}
		for i := range c.providers {
			all = append(all, judgeProvider(&c.providers[i], now)...)
		}
	}
	return conclude(all)
}

// because adds a reason to a sentence, if there is one.
func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + strings.TrimSuffix(why, ".")
}

// askStore asks the store, but not for longer than a page may take.
func (p *Program) askStore(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return p.Store(ctx)
}

func judgeProvider(p *push.ProviderState, now time.Time) (all []finding) {
	for _, c := range certificates(p) {
		switch left := c.At.Sub(now); {
		case left <= 0:
			all = append(all, finding{levelBad, fmt.Sprintf("The certificate of %s%s expired on %s.", p.ID, c.forCalls(), c.At.Format(time.DateOnly)), "Make a new one with Apple, and put it in its place or set it by the command 'Set APNS certificate'."})
		case left < expirySoon:
			all = append(all, finding{levelWarn, fmt.Sprintf("The certificate of %s%s expires in %s.", p.ID, c.forCalls(), days(left)), "Make a new one with Apple, and put it in its place or set it by the command 'Set APNS certificate'."})
		}
	}
	kind := ""
	if len(p.Problems) > 0 {
		kind = p.Problems[0].Kind
	}
	switch {
	case p.Paused:
		all = append(all, finding{levelBad, fmt.Sprintf("%s takes no pushes of %s: %s.", p.Label, p.ID, p.LastError), cure(kind)})
	case p.CallsPaused:
		all = append(all, finding{levelWarn, fmt.Sprintf("%s takes no calls of %s, which go as alerts: %s.", p.Label, p.ID, p.LastError), "Look at 'pushkit-cert-file' of this provider."})
	case kind == "doubtful" && !p.Trusted && now.Sub(p.Problems[0].Time) < historyLength:
		all = append(all, finding{levelWarn, fmt.Sprintf("%s does not know device tokens of %s.", p.Label, p.ID), cure(kind)})
	}
	return all
}

func (c *certificate) forCalls() string {
	if c.Kind == "calls" {
		return " for calls"
	}
	return ""
}

func days(d time.Duration) string {
	if n := int(d.Hours() / 24); n != 1 {
		return fmt.Sprintf("%d days", n)
	}
	return "1 day"
}

// conclude makes the sentence.
func conclude(all []finding) verdict {
	bad := 0
	for _, f := range all {
		if f.Level == levelBad {
			bad++
		}
	}
	switch {
	case len(all) == 0:
		return verdict{levelGood, "Pushes flow", nil}
	case bad == 0:
		return verdict{levelWarn, "Pushes flow, but something needs a look", all}
	}
	return verdict{levelBad, "Something is wrong", all}
}

// cure says what to do about pushes that failed in a way.
func cure(kind string) string {
	switch kind {
	case "unauthorized":
		return "The push service refuses our credentials: look at the certificate, key or service account of this provider. No device is lost."
	case "doubtful":
		return "One device: the app has to register again. Many: look at 'apns-topic' and 'sandbox', or at 'project-id'. An untrusted provider loses no device for this."
	case "gone":
		return "The app was deleted or got a new token. The device is removed; nothing to do."
	case "throttled":
		return "The push service limits how much this device gets. It passes."
	case "refused":
		return "The push service does not like the request itself: please report it with the log line of that time."
	case "unknown":
		return "The connection broke before the answer. It passes by itself."
	case "temporary":
		return "Trouble of the push service or of the way there. It passes by itself; when it does not, look whether this machine reaches the push service."
	}
	return ""
}

// failedHow is a failure's kind in words.
func failedHow(kind string) string {
	switch kind {
	case "doubtful":
		return "token not known"
	case "gone":
		return "device gone"
	case "unauthorized":
		return "credentials refused"
	case "unknown":
		return "no answer"
	}
	return strings.ToLower(kind)
}
