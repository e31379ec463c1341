//go:build linux

package main

import (
	"testing"
	"time"
)

// TestOracle: a judge that finds nobody guilty is of no use.
func TestOracle(t *testing.T) {
	const second = time.Second
	push := func(id string, accepted bool) attempt { return attempt{id: id, accepted: accepted} }
	for name, tc := range map[string]struct {
		answers     []string
		after       time.Duration // the answer
		pushes      []attempt
		call        bool
		state       state
		gone        bool // the push service said so
		unsent      bool
		lossy, calm bool
		cut         bool // the stream broke
		want        string
	}{
		"pushed":                        {answers: []string{"result"}, after: second, pushes: []attempt{push("1", true)}},
		"a lie":                         {answers: []string{"result"}, after: second, pushes: []attempt{push("1", false)}, want: "a result without a push"},
		"nothing pushed":                {answers: []string{"result"}, after: second, want: "a result without a push"},
		"twice, the same id":            {answers: []string{"result"}, after: second, pushes: []attempt{push("1", true), push("1", true)}, lossy: true},
		"twice, nothing lost":           {answers: []string{"result"}, after: second, pushes: []attempt{push("1", true), push("1", true)}, want: "pushed twice although no answer was lost"},
		"twice, other ids":              {answers: []string{"result"}, after: second, pushes: []attempt{push("1", true), push("2", true)}, lossy: true, want: "pushed twice"},
		"a call twice":                  {answers: []string{"result"}, after: second, pushes: []attempt{push("1", true), push("1", true)}, lossy: true, call: true, want: "pushed twice"},
		"gone":                          {answers: []string{notFound}, after: second, gone: true},
		"unregistered":                  {answers: []string{notFound}, after: second, state: removed},
		"a device lost":                 {answers: []string{notFound}, after: second, want: "a device that lives was said to be gone"},
		"a device lost that will go":    {answers: []string{notFound}, after: second, state: gone, want: "a device that lives was said to be gone"},
		"later":                         {answers: []string{tryLater}, after: second},
		"later, in calm":                {answers: []string{tryLater}, after: second, calm: true, want: "failed although nothing was wrong"},
		"later, but pushed":             {answers: []string{tryLater}, after: second, pushes: []attempt{push("1", true)}, want: "accepted, and answered as failed"},
		"later, its answer lost":        {answers: []string{tryLater}, after: second, pushes: []attempt{push("1", true)}, lossy: true},
		"a registration dropped":        {answers: []string{"bad-request modify"}, after: second, want: "an answer that makes servers drop registrations"},
		"answered twice":                {answers: []string{"result", "result"}, after: second, pushes: []attempt{push("1", true)}, want: "answered twice"},
		"too late":                      {answers: []string{tryLater}, after: 31 * second, want: "answered too late"},
		"late, on the next connection":  {answers: []string{tryLater}, after: 31 * second, cut: true},
		"silence":                       {want: "no answer"},
		"silence after a broken stream": {cut: true},
		"no connection":                 {unsent: true},
		"no connection, in calm":        {unsent: true, calm: true, want: "there was no connection"},
	} {
		o := newOracle()
		d := &device{provider: byCert, state: tc.state}
		p := o.publishing(d, "m0000001zzzz", tc.call)
		p.attempts = tc.pushes
		o.told[d.node] = tc.gone
		for _, a := range tc.answers {
			o.answer(p.mark, a, false)
		}
		p.unsent = tc.unsent
		if tc.after > 0 {
			p.answered = p.sent.Add(tc.after)
		}
		around := []window{{p.sent.Add(-time.Minute), p.sent.Add(2 * time.Minute)}}
		if tc.lossy {
			o.lossy = around
		}
		if tc.calm {
			o.calm = around
		}
		if tc.cut {
			o.cuts = []time.Time{p.sent.Add(second / 2)}
		}
		if got := o.wrong(p, &verdict{}); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
