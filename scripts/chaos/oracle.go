//go:build linux

package main

import (
	"fmt"
	"regexp"
	"sync"
	"time"
)

// state is what the oracle knows of a registration.
type state uint8

const (
	live      state = iota // registered, and to be found for ever
	gone                   // the push service says so when it is asked
	removed                // unregistered by its user
	uncertain              // a command's answer was lost
)

// device is one registration.
type device struct {
	provider, token, second, account string
	node                             string
	state                            state
	at                               time.Time
}

// attempt is one push of a publish as it arrived at a push service.
type attempt struct {
	id       string // that of a repeat is the same
	token    string
	accepted bool
}

// publish is one publish and what came of it.
type publish struct {
	device         *device
	mark           string
	call           bool
	sent, answered time.Time
	answers        []string // result, or condition and type
	unsent         bool     // there was no connection
	excused        bool     // item-not-found is true
	attempts       []attempt
}

// window is a span of time.
type window struct{ from, to time.Time }

// oracle remembers all that happens and judges it.
type oracle struct {
	mu        sync.Mutex
	began     time.Time
	publishes map[string]*publish // by mark
	devices   []*device
	byToken   map[string]*device // newest
	told      map[string]bool    // nodes of which the push service has said that they are gone
	streak    map[string]time.Time
	results   map[string]int // in a row by provider, of publishes sent since streak
	cuts      []time.Time    // when streams to the program were broken
	lossy     []window       // when answers of push services may be lost
	calm      []window       // when nothing is wrong
}

func newOracle() *oracle {
	return &oracle{began: time.Now(), publishes: map[string]*publish{}, byToken: map[string]*device{}, told: map[string]bool{}, results: map[string]int{}, streak: map[string]time.Time{}}
}

// marks are in the text of each publish, and so in its push; they are good
// Base64, too.
var marks = regexp.MustCompile(`m[0-9]{7}zzzz`)

// pushed notes what arrived at a push service.
func (o *oracle) pushed(token, id string, payload []byte, accepted, saysGone bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p := o.publishes[string(marks.Find(payload))]; p != nil {
		p.attempts = append(p.attempts, attempt{id, token, accepted})
		o.told[p.device.node] = o.told[p.device.node] || saysGone
	}
}

// publishing notes a publish that is about to be sent.
func (o *oracle) publishing(d *device, mark string, call bool) *publish {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := &publish{device: d, mark: mark, call: call, sent: time.Now()}
	o.publishes[mark] = p
	return p
}

// answer notes an answer to a publish; the empty one is that none came.
func (o *oracle) answer(mark, answer string, unsent bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.publishes[mark]
	if p == nil {
		return
	}
	p.unsent = unsent
	if answer == "" {
		return
	}
	p.answers = append(p.answers, answer)
	p.answered = time.Now()
	d := p.device
	p.excused = p.excused || o.told[d.node] || d.state == removed || d.state == uncertain
	switch {
	case answer != "result" && answer != notFound:
		o.results[d.provider] = 0
	case answer == "result" && p.sent.After(o.streak[d.provider]):
		o.results[d.provider]++
	}
}

// flowing reports whether each provider has had so many results in a row of
// publishes that were sent after a time.
func (o *oracle) flowing(n int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, provider := range []string{byCert, byKey, google} {
		if o.results[provider] < n {
			return false
		}
	}
	return true
}

// restart begins the count of flowing anew.
func (o *oracle) restart() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, provider := range []string{byCert, byKey, google} {
		o.results[provider], o.streak[provider] = 0, time.Now()
	}
}

// cut notes that connections to the program break now.
func (o *oracle) cut() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cuts = append(o.cuts, time.Now())
}

func (w window) meets(from, to time.Time) bool { return from.Before(w.to) && to.After(w.from) }

func meet(ws []window, from, to time.Time) bool {
	for _, w := range ws {
		if w.meets(from, to) {
			return true
		}
	}
	return false
}

// within reports whether a span lies within one of the windows.
func within(ws []window, from, to time.Time) bool {
	for _, w := range ws {
		if from.After(w.from) && to.Before(w.to) {
			return true
		}
	}
	return false
}

const (
	notFound = "item-not-found cancel"
	tryLater = "internal-server-error wait"
	// answerLimit is how long an answer may take; ejabberd waits for 32 s.
	answerLimit = 30 * time.Second
	// cutSlack is how long writes go on to a connection that is broken.
	cutSlack = 2 * time.Second
)

// verdict is the sum of all publishes.
type verdict struct {
	Publishes  int            `json:"publishes"`
	Answers    map[string]int `json:"answers"`
	Unsent     int            `json:"unsent"`      // no connection
	Cut        int            `json:"cut"`         // not answered, as the connection broke
	Repeated   int            `json:"repeated"`    // accepted twice, with the same id
	Unanswered int            `json:"not_learned"` // accepted, but the push service's answer was lost
	Slowest    string         `json:"slowest"`
	Wrong      int            `json:"wrong"`
	Why        []string       `json:"why"` // of the first wrong ones
}

// judge holds each publish against what arrived.
func (o *oracle) judge() *verdict {
	o.mu.Lock()
	defer o.mu.Unlock()
	v := &verdict{Answers: map[string]int{}}
	var slowest time.Duration
	for _, p := range o.publishes {
		v.Publishes++
		for _, a := range p.answers {
			v.Answers[a]++
			slowest = max(slowest, p.answered.Sub(p.sent))
		}
		if why := o.wrong(p, v); why != "" {
			if v.Wrong++; len(v.Why) < 20 {
				v.Why = append(v.Why, fmt.Sprintf("%s: %s (%s, %s, sent at %.1f s, answered %v after %v, pushes %+v)", p.mark, why, p.device.provider,
					p.device.node, p.sent.Sub(o.began).Seconds(), p.answers, p.answered.Sub(p.sent).Round(time.Millisecond), p.attempts))
			}
		}
	}
	v.Slowest = slowest.Round(time.Millisecond).String()
	return v
}

// wrong says what is untrue about a publish's outcome.
func (o *oracle) wrong(p *publish, v *verdict) string {
	accepted := 0
	same := true
	for _, a := range p.attempts {
		if a.accepted {
			accepted++
		}
		same = same && a.id == p.attempts[0].id && a.id != ""
	}
	lossy := meet(o.lossy, p.sent, p.end())
	switch {
	case accepted > 1 && (p.call || !same):
		return "pushed twice"
	case accepted > 1 && !lossy:
		return "pushed twice although no answer was lost"
	case accepted > 1:
		v.Repeated++
	}
	if len(p.answers) == 0 {
		return o.silent(p, v)
	}
	switch answer := p.answers[0]; {
	case len(p.answers) > 1:
		return "answered twice"
	case p.answered.Sub(p.sent) > answerLimit && !o.broken(p):
		return "answered too late"
	case answer == "result" && accepted == 0:
		return "a result without a push"
	case answer == "result":
	case answer == notFound && !p.excused:
		return "a device that lives was said to be gone"
	case answer == notFound:
	case answer != tryLater:
		return "an answer that makes servers drop registrations"
	case accepted > 0 && !lossy:
		return "accepted, and answered as failed"
	case within(o.calm, p.sent, p.answered):
		return "failed although nothing was wrong"
	case accepted > 0:
		v.Unanswered++
	}
	return ""
}

func (p *publish) end() time.Time {
	if p.answered.IsZero() {
		return p.sent.Add(answerLimit)
	}
	return p.answered
}

// silent judges a publish without an answer.
func (o *oracle) silent(p *publish, v *verdict) string {
	switch {
	case p.unsent && within(o.calm, p.sent, p.sent.Add(time.Second)):
		return "there was no connection"
	case p.unsent:
		v.Unsent++
	case o.broken(p):
		v.Cut++
	default:
		return "no answer"
	}
	return ""
}

// broken reports whether a stream broke while the publish was under way.
func (o *oracle) broken(p *publish) bool {
	for _, at := range o.cuts {
		if p.sent.Before(at.Add(cutSlack)) && at.Before(p.end().Add(cutSlack)) {
			return true
		}
	}
	return false
}
