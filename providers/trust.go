package providers

import (
	"hash/maphash"
	"slices"
	"sync"
	"time"
)

// electorate is how many devices have a vote at a time.
const electorate = 50

// trust judges one credential of a provider by the answers to its devices. The
// same answer, "bad device token", comes for a token that is wrong and for a
// configuration that is: with a wrong topic or environment, all tokens look
// wrong, and removing devices then would cost every user the push.
type trust struct {
	mu       sync.Mutex
	loaded   time.Time // when the credential was loaded
	accepted bool      // a push was accepted since
	votes    []vote    // the devices' latest answers, oldest first
	seed     maphash.Seed
	alarmed  bool
}

type vote struct {
	device   voter
	doubtful bool
}

// voter is a device that votes: a hash of its account and token, as neither is
// to be kept in memory for this.
type voter uint64

func (t *trust) voterOf(to *Target) voter {
	if t.seed == (maphash.Seed{}) {
		t.seed = maphash.MakeSeed()
	}
	var h maphash.Hash
	h.SetSeed(t.seed)
	_, _ = h.WriteString(to.Account) // it never fails
	_ = h.WriteByte(0)
	_, _ = h.WriteString(to.Token)
	return voter(h.Sum64())
}

// reset forgets all, as for a credential that was loaded just now.
func (t *trust) reset(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.loaded, t.accepted, t.votes, t.alarmed = now, false, nil, false
}

// accept notes an accepted push.
func (t *trust) accept(to *Target) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.accepted = true
	t.cast(to, false)
	t.alarmed = t.alarmed && !t.trusted()
}

// vote notes that the push service knew the token, if only as a dead one. A
// device votes only if it was registered before the credential was loaded or was
// accepted once: junk that a stranger registers has no vote.
func (t *trust) vote(to *Target) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mayVote(to) {
		t.cast(to, false)
	}
}

// doubt notes a doubtful answer. The provider is judged before it is added.
func (t *trust) doubt(to *Target) (trusted, alarm bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	trusted = t.trusted()
	if t.mayVote(to) {
		t.cast(to, true)
	}
	if alarm = !trusted && !t.alarmed; alarm {
		t.alarmed = true
	}
	return trusted, alarm
}

func (t *trust) mayVote(to *Target) bool {
	return to.Registered.Before(t.loaded) || !to.Accepted.IsZero()
}

func (t *trust) cast(to *Target, doubtful bool) {
	v := t.voterOf(to)
	t.votes = slices.DeleteFunc(t.votes, func(x vote) bool { return x.device == v })
	if len(t.votes) == electorate {
		t.votes = slices.Delete(t.votes, 0, 1)
	}
	t.votes = append(t.votes, vote{v, doubtful})
}

// now reports whether the provider is trusted.
func (t *trust) now() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.trusted()
}

// trusted reports whether a push was accepted and fewer than half of the votes
// are doubtful.
func (t *trust) trusted() bool {
	doubtful := 0
	for _, v := range t.votes {
		if v.doubtful {
			doubtful++
		}
	}
	return t.accepted && 2*doubtful < max(1, len(t.votes))
}
