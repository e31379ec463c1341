package push

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
)

// Limits of an explanation: an account may have any number of devices, and an
// answer has to fit in a stanza.
const (
	devicesShown  = 20
	outcomesShown = 5
	removedShown  = 20
)

// Explanation says why pushes of an account arrive, or do not.
type Explanation struct {
	Account string    `json:"account"`
	Service string    `json:"service"`
	Time    time.Time `json:"time"`
	// Since is when the program began to note outcomes; nil when it does not
	// run, so that only the database was asked.
	Since      *time.Time      `json:"since,omitempty"`
	Conclusion string          `json:"conclusion"` // one sentence
	Devices    []DeviceReport  `json:"devices"`    // the last that were registered, the newest first
	More       int             `json:"more,omitempty"`
	Removed    []Removal       `json:"removed,omitempty"`   // in the last 30 days, the newest first
	Providers  []ProviderState `json:"providers,omitempty"` // of the devices
}

// DeviceReport is a device in an [Explanation].
type DeviceReport struct {
	ID           string         `json:"id"` // as [DeviceID]
	Service      string         `json:"service"`
	Node         string         `json:"node"`
	Registered   *time.Time     `json:"registered,omitempty"` // nil: by an earlier program
	Calls        bool           `json:"calls"`                // it has a second token, for calls
	Sandbox      bool           `json:"sandbox,omitempty"`
	LastAccepted *time.Time     `json:"last_accepted,omitempty"` // the first one after a time without
	LastFailure  *DeviceFailure `json:"last_failure,omitempty"`
	Outcomes     []Entry        `json:"outcomes,omitempty"` // the newest first
	Conclusion   string         `json:"conclusion"`

	provider string
}

// DeviceFailure is what the database keeps of the last push that failed.
type DeviceFailure struct {
	Time   time.Time `json:"time"`
	Reason string    `json:"reason"`
	PushID string    `json:"push_id"`
}

// Removal is a device that is registered no more.
type Removal struct {
	Device string            `json:"device"` // as [DeviceID]
	Why    repository.Reason `json:"why"`
	Time   time.Time         `json:"time"`
	// Outcome is the push that it was removed for, if it is noted still.
	Outcome *Entry `json:"outcome,omitempty"`
}

// Explain says what is known of an account's devices and their pushes; account
// is a bare JID.
func (s *Service) Explain(ctx context.Context, service, account string) (*Explanation, error) {
	e := &Explanation{Account: account, Service: service, Time: now(), Since: some(s.journal.Since()), Devices: []DeviceReport{}}
	all, err := s.ListDevices(ctx, service, account)
	if err != nil {
		return nil, err
	}
	e.More = max(0, len(all)-devicesShown)
	active := s.ProviderStatus(ctx)
	for i := len(all) - 1; i >= e.More; i-- {
		e.Devices = append(e.Devices, s.report(all[i]))
	}
	if err := s.removals(ctx, e); err != nil {
		return nil, err
	}
	for _, p := range active {
		for i := range e.Devices {
			if s.providerID(e.Devices[i].provider) == p.ID {
				e.Providers = append(e.Providers, p)
				break
			}
		}
	}
	e.conclude(s.providerID)
	return e, nil
}

// providerID is the id of the active provider that an id or alias means, empty
// when there is none.
func (s *Service) providerID(id string) string {
	p, ok := s.set.Lookup(id)
	if !ok {
		return ""
	}
	return p.Info().ID
}

// report describes one device.
func (s *Service) report(d repository.Device) DeviceReport {
	r := DeviceReport{ID: DeviceID(d), Service: d.Service, Node: d.Node, Registered: some(d.Registered), Calls: d.SecondToken != "",
		Sandbox: d.Sandbox, LastAccepted: some(d.LastAccepted), provider: d.Provider}
	if f := d.LastFailure; !f.Time.IsZero() {
		r.LastFailure = &DeviceFailure{f.Time, f.Reason, f.PushID}
	}
	r.Outcomes = s.journal.Entries(outcomesShown, func(e *Entry) bool {
		return e.Device == r.ID && e.Account == d.Account && e.Service == d.Service
	})
	return r
}

// WithoutProcess marks an explanation that was made beside a running program, or
// without one: it tells what the database knows.
func (e *Explanation) WithoutProcess() { e.Since, e.Providers = nil, nil }

// removals adds the devices that are registered no more.
func (s *Service) removals(ctx context.Context, e *Explanation) error {
	for _, domain := range s.domains(e.Service) {
		all, err := s.devices.Tombstones(ctx, domain, e.Account)
		if err != nil {
			return fmt.Errorf("look for removed devices: %w", err)
		}
		for i := len(all) - 1; i >= 0 && len(e.Removed) < removedShown; i-- {
			t := all[i]
			r := Removal{Device: t.Provider + "/" + t.TokenHash, Why: t.Why, Time: t.Time}
			last := s.journal.Entries(1, func(o *Entry) bool {
				return o.Device == r.Device && o.Account == t.Account && o.Service == t.Service && o.Removed == t.Why
			})
			if len(last) > 0 {
				r.Outcome = &last[0]
			}
			e.Removed = append(e.Removed, r)
		}
	}
	return nil
}

// conclude writes the sentences.
func (e *Explanation) conclude(idOf func(string) string) {
	states := map[string]*ProviderState{}
	for i := range e.Providers {
		states[e.Providers[i].ID] = &e.Providers[i]
	}
	well := 0
	for i := range e.Devices {
		d := &e.Devices[i]
		var good bool
		d.Conclusion, good = d.conclude(states[idOf(d.provider)], e.Time)
		if good {
			well++
		}
	}
	switch {
	case len(e.Devices) == 1:
		e.Conclusion = e.Devices[0].Conclusion
	case len(e.Devices) > 1 && well == len(e.Devices):
		e.Conclusion = fmt.Sprintf("The last push to each of the %d devices was accepted: what happens after that is between the push service and the devices.", well)
	case len(e.Devices) > 1:
		e.Conclusion = e.worst(well)
	case len(e.Removed) > 0:
		r := e.Removed[0]
		e.Conclusion = fmt.Sprintf("No device is registered; the last one was removed on %s (%s), and pushes begin again when the app registers again.", stamp(r.Time), because(r.Why))
	default:
		e.Conclusion = "No device is registered here for this account: the app has not registered, or it did with another push service."
	}
}

// worst is the sentence about the newest device that is not served well.
func (e *Explanation) worst(well int) string {
	for i := range e.Devices {
		if d := &e.Devices[i]; !d.good() {
			return fmt.Sprintf("%d of %d devices are served well; %s: %s", well, len(e.Devices), d.ID, d.Conclusion)
		}
	}
	return fmt.Sprintf("%d of %d devices are served well.", well, len(e.Devices))
}

// good reports whether the last push to the device was accepted.
func (d *DeviceReport) good() bool {
	if len(d.Outcomes) > 0 {
		return d.Outcomes[0].Accepted
	}
	return d.LastFailure == nil && d.LastAccepted != nil
}

// conclude says in a sentence how it stands with a device; p is nil when its
// provider is not active.
func (d *DeviceReport) conclude(p *ProviderState, at time.Time) (sentence string, good bool) {
	switch {
	case p == nil:
		return fmt.Sprintf("Its provider %s is not active here, so that nothing is pushed to it: look at that block of the configuration and at its error in the log.", d.provider), false
	case d.good():
		return d.accepted(p), true
	case len(d.Outcomes) == 0 && d.LastFailure == nil:
		return "No publish has come for it since it was registered: the user's server does not know of it (push is not enabled there), or the user was not away.", false
	}
	return d.failed(p, at), false
}

func (d *DeviceReport) accepted(p *ProviderState) string {
	if len(d.Outcomes) > 0 {
		o := d.Outcomes[0]
		return fmt.Sprintf("%s accepted the last push on %s (id %s): if nothing is shown, look at the phone's settings for notifications, its connection, and the app.", p.Label, stamp(o.Time), o.PushID)
	}
	return fmt.Sprintf("%s accepted pushes from %s on, and no failure is noted since: if nothing is shown, look at the phone's settings for notifications, its connection, and the app.", p.Label, stamp(*d.LastAccepted))
}

// failed says why the last push was not accepted, and what to do.
func (d *DeviceReport) failed(p *ProviderState, at time.Time) string {
	when, reason, kind, ours := time.Time{}, "", "", ""
	if len(d.Outcomes) > 0 {
		last := &d.Outcomes[0]
		when, reason, kind = last.Time, last.Reason, last.Kind
		if last.Status == 0 {
			ours = strings.TrimPrefix(last.Text, kind+": ") // it never came to asking
		}
	} else {
		when, reason = d.LastFailure.Time, d.LastFailure.Reason
	}
	begin := fmt.Sprintf("The last push, on %s, was not accepted (%s): ", stamp(when), reason)
	switch {
	case p.Expired(at):
		return begin + fmt.Sprintf("the certificate of %s expired on %s; make a new one and set it.", p.ID, stamp(*p.Expires))
	case kind == providers.Unauthorized.String() && ours != "":
		return begin + fmt.Sprintf("'%s' cannot push: %s. The device is fine and stays.", p.ID, ours)
	case kind == providers.Unauthorized.String():
		return begin + fmt.Sprintf("%s refuses our certificate, key or topic; look at the credentials of '%s' in the configuration. The device is fine and stays.", p.Label, p.ID)
	case kind == providers.Doubtful.String() && !p.Trusted:
		return begin + fmt.Sprintf("%s does not know the token, and as no push of '%s' was accepted lately it may well be our topic, environment or project: look at these settings. The device stays.", p.Label, p.ID)
	case kind == providers.Doubtful.String(), kind == providers.Gone.String():
		return begin + fmt.Sprintf("%s says that this token is dead, yet the device was kept; the app has to register again.", p.Label)
	case kind == providers.Refused.String():
		return begin + fmt.Sprintf("%s refuses the request itself; please report this with the log line of that time. The device stays.", p.Label)
	case p.Paused:
		return begin + fmt.Sprintf("%s takes no pushes at present (%s); they are tried again by themselves.", p.Label, p.LastError)
	}
	switch {
	case kind == "":
		return begin + "the log of that time says more. The device stays, and the next message makes the next push."
	case kind == providers.Temporary.String() && ours != "":
		return begin + fmt.Sprintf("%s could not be reached: %s. It is tried again by itself, and the device stays.", p.Label, ours)
	}
	return begin + "the failure is one that passes; the next message makes the next push."
}

// because is a reason in words.
func because(why repository.Reason) string {
	switch why {
	case repository.ReasonUnregistered:
		return "the app or its user unregistered it"
	case repository.ReasonGone:
		return "the push service said that its token is dead: the app was deleted, or its data were"
	case repository.ReasonDoubtful:
		return "the push service does not know its token"
	case repository.ReasonAccount:
		return "the account was removed from the server"
	}
	return string(why)
}

// stamp is a time as people read it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
