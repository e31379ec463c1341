package push

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
)

const (
	// repeatTime is how long after a push about a call the same news is taken
	// for a repeat. Prosody publishes a call twice, Tigase what the user's other
	// devices do with it once for each of them (reference: servers section 5,
	// tigase-live section 3.2).
	repeatTime = 5 * time.Second
	// maxFlights is when flights that are over are looked for.
	maxFlights = 1024
)

// flights lets publishes that would make the same push share one: content-less
// ones while one is under way, as each only wakes the device; news of a call for
// some seconds longer, as each rings.
type flights struct {
	mu   sync.Mutex
	all  map[string]*flight
	full int // the number at which those that are over are thrown away
	wait int // publishes that wait for the push of another
}

// flight is one push and what came of it.
type flight struct {
	news string
	done chan struct{} // closed when it is over
	err  error
	kept time.Time // until when it stands for others; set when it is over
}

// do pushes, or waits for the outcome of a push of the same key and news. A
// flight for other news takes the place of the one before: a call that is
// offered, withdrawn and offered again rings twice.
func (f *flights) do(ctx context.Context, key, news string, keep time.Duration, push func() error) (joined bool, err error) {
	mine := &flight{news: news, done: make(chan struct{})}
	if other := f.enter(key, mine); other != nil {
		defer f.stopWaiting()
		ctx, cancel := context.WithTimeout(ctx, publishTime)
		defer cancel()
		select {
		case <-other.done:
			return true, other.err
		case <-ctx.Done():
			return true, ctx.Err()
		}
	}
	defer f.leave(key, mine, keep)
	mine.err = &providers.Error{Kind: providers.Temporary} // stays if push panics
	mine.err = push()
	return false, mine.err
}

// enter returns the flight to wait for, or nil when mine is to fly.
func (f *flights) enter(key string, mine *flight) *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	if other := f.all[key]; other != nil && other.news == mine.news && (other.kept.IsZero() || time.Now().Before(other.kept)) {
		f.wait++
		return other
	}
	if f.all == nil {
		f.all = map[string]*flight{}
	}
	if len(f.all) >= max(f.full, maxFlights) {
		f.sweep()
	}
	f.all[key] = mine
	return nil
}

func (f *flights) stopWaiting() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wait--
}

// waiting returns how many publishes wait for the push of another.
func (f *flights) waiting() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wait
}

// sweep throws away flights that are over. Those under way are bounded by the
// requests in work.
func (f *flights) sweep() {
	for key, fl := range f.all {
		if !fl.kept.IsZero() && time.Now().After(fl.kept) {
			delete(f.all, key)
		}
	}
	f.full = 2 * len(f.all)
}

// leave ends a flight. Only one that reached the device, or may have, stands for
// repeats later.
func (f *flights) leave(key string, mine *flight, keep time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if mine.err != nil && providers.KindOf(mine.err) != providers.Unknown {
		keep = 0
	}
	mine.kept = time.Now().Add(keep)
	if keep == 0 && f.all[key] == mine {
		delete(f.all, key)
	}
	close(mine.done)
}

// shared says whether publishes like this one share a push: under which key, for
// which news, and for how long after it; an empty key means that they do not.
func shared(d *repository.Device, n *providers.Notification) (key, news string, keep time.Duration) {
	voip := n.Encrypted != nil && n.Encrypted.VoIP
	if !blank(n) && n.Call == nil && !voip {
		return "", "", 0
	}
	device := strings.Join([]string{d.Service, d.Account, d.Provider, d.Token}, "\x00")
	switch {
	case blank(n):
		return device, strconv.FormatBool(n.Urgent()), 0
	case n.Call != nil:
		return device + "\x00call\x00" + n.Call.SID, n.Call.Action + strconv.FormatBool(n.Urgent()), repeatTime
	}
	// Tigase 8.4 and Prosody tell neither the call nor what happens to it: high is
	// an offer, low its end.
	return device + "\x00call", strconv.FormatBool(n.Urgent()), repeatTime
}
