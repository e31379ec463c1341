package providers

import (
	"context"
	"fmt"
	"time"
)

// Expiry is when one of a provider's credentials ends.
type Expiry struct {
	What  string // the property or other place that it comes from, e.g. "cert-file"
	At    time.Time
	Calls bool // only calls need it
	// Detail is what it says of itself, for people: its owner, topics,
	// environments.
	Detail string
}

// Expirer is an add-on of providers whose credentials end.
type Expirer interface{ Expiries() []Expiry }

// Notice is something that an admin has to know and to act upon.
type Notice struct {
	Provider string // the provider's id
	Text     string // a sentence with what to do
	Expired  bool   // it has happened already
}

// warnDays are the days before an expiry on which it is warned of.
var warnDays = []int{30, 14, 7, 3, 1}

const day = 24 * time.Hour

// Watch looks at the credentials at once and once a day until ctx ends: 30, 14,
// 7, 3 and 1 days before one expires, and every day after, it writes to the log
// and calls notify, if that is set.
func (s *Set) Watch(ctx context.Context, notify func(Notice)) {
	told := map[string]int{}
	for {
		for _, n := range s.expiring(time.Now(), told) {
			l := s.log.With("provider", n.Provider)
			if n.Expired {
				l.Error(n.Text)
			} else {
				l.Warn(n.Text)
			}
			if notify != nil {
				notify(n)
			}
		}
		if !sleep(ctx, day) {
			return
		}
	}
}

// expiring finds what to warn of. In told it keeps the last warning of each
// credential.
func (s *Set) expiring(now time.Time, told map[string]int) (out []Notice) {
	for _, e := range s.order {
		x, ok := e.provider.(Expirer)
		if !ok {
			continue
		}
		for _, c := range x.Expiries() {
			key := e.id + "\x00" + c.What + "\x00" + c.At.String()
			level := levelOf(c.At.Sub(now))
			if before, known := told[key]; level == 0 || known && level == before && level > 0 {
				continue
			}
			told[key] = level
			out = append(out, c.notice(e.id, now))
		}
	}
	return out
}

// levelOf is the last of the warning days that has come: 0 before the first, -1
// after the end.
func levelOf(left time.Duration) (level int) {
	if left <= 0 {
		return -1
	}
	for _, d := range warnDays {
		if left <= time.Duration(d)*day {
			level = d
		}
	}
	return level
}

// notice puts it into words.
func (x Expiry) notice(provider string, now time.Time) Notice {
	what, effect := "the certificate", "no pushes are sent"
	if x.Calls {
		what, effect = "the certificate for calls", "calls do not ring"
	}
	cure := fmt.Sprintf("make a new one in Apple's developer account, put it in the place of '%s' and restart", x.What)
	if x.What == FromAdmin {
		cure = "make a new one in Apple's developer account and set it with the command Set APNS certificate"
	}
	n := Notice{Provider: provider, Expired: !x.At.After(now)}
	on := x.At.UTC().Format(time.DateOnly)
	if n.Expired {
		n.Text = fmt.Sprintf("%s of %s expired on %s: %s until it is replaced; %s", what, provider, on, effect, cure)
		return n
	}
	n.Text = fmt.Sprintf("%s of %s expires on %s (%s left): %s afterwards; %s", what, provider, on, days(x.At.Sub(now)), effect, cure)
	return n
}

// days is a time in words.
func days(d time.Duration) string {
	switch n := int(d / day); n {
	case 0:
		return "less than a day"
	case 1:
		return "1 day"
	default:
		return fmt.Sprintf("%d days", n)
	}
}

// FromAdmin is [Expiry.What] of a certificate that was handed over while the
// program ran.
const FromAdmin = "certificate"
