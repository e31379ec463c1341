package push

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/tpush/tpush/providers"
	"github.com/tpush/tpush/repository"
)

// journalSize is how many outcomes a [Journal] holds, in parts of which the oldest
// goes when a new one is begun.
const (
	journalSize  = 20_000
	journalParts = 100
)

// maxText is the length of a failure's text in a [Journal], in characters.
const maxText = 400

// problemsKept is how many problems of each provider a [Journal] holds, however
// many pushes came after them.
const problemsKept = 20

// Entry is what became of one push to one device. It holds no text of the
// message and no token.
type Entry struct {
	Time     time.Time         `json:"time"`
	Service  string            `json:"service"`
	Account  string            `json:"account"`
	Device   string            `json:"device"`  // as [DeviceID]
	Content  string            `json:"content"` // what was pushed: "message", "call", …
	PushID   string            `json:"push_id"` // apns-id, FCM message id
	Accepted bool              `json:"accepted"`
	Kind     string            `json:"kind,omitempty"`    // of a failure, as [providers.Kind]
	Status   int               `json:"status,omitempty"`  // the push service's, of a failure
	Reason   string            `json:"reason,omitempty"`  // the push service's word, or the kind
	Text     string            `json:"text,omitempty"`    // the failure in words
	Second   bool              `json:"second,omitempty"`  // it went to the second token
	Sandbox  bool              `json:"sandbox,omitempty"` // in the push service's test environment
	Removed  repository.Reason `json:"removed,omitempty"`
	Took     time.Duration     `json:"took_ns"`
}

// end notes how the push went.
func (e *Entry) end(err error) {
	e.Took, e.Accepted = time.Since(e.Time), err == nil
	if err == nil {
		return
	}
	e.Kind, e.Reason, e.Text = providers.KindOf(err).String(), abbreviate(reason(err)), shorten(err.Error(), maxText)
	var pe *providers.Error
	if errors.As(err, &pe) {
		e.Status, e.Second = pe.Status, pe.Second
	}
}

// Journal holds the last 20,000 outcomes and the last problems of each provider,
// in memory. Its methods may be called at the same time.
type Journal struct {
	since time.Time

	mu       sync.Mutex
	parts    [journalParts + 1]record
	at       int // the part that is written
	in       int // entries in it
	problems map[string][]Entry
}

// NewJournal returns an empty journal.
func NewJournal() *Journal {
	return &Journal{since: now(), problems: map[string][]Entry{}}
}

// Since is when the journal began: what was before is not in it.
func (j *Journal) Since() time.Time { return j.since }

// add notes an outcome of a provider.
func (j *Journal) add(provider string, e *Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.in == journalSize/journalParts {
		room := len(j.parts[j.at].bytes) * 17 / 16 // as the one before, which leaves less unused than doubling
		j.at, j.in = (j.at+1)%len(j.parts), 0
		j.parts[j.at] = record{bytes: slices.Grow(j.parts[j.at].bytes[:0], room)}
	}
	j.parts[j.at].add(e)
	j.in++
	if e.Accepted {
		return
	}
	list := j.problems[provider]
	if len(list) == problemsKept {
		list = append(list[:0], list[1:]...)
	}
	j.problems[provider] = append(list, *e)
}

// Entries returns the last outcomes that are wanted, at most n, the newest
// first.
func (j *Journal) Entries(n int, wanted func(*Entry) bool) (out []Entry) {
	left := journalSize
	for _, part := range j.copied() {
		list := entries(part)
		for i := range list {
			e := &list[len(list)-1-i]
			if len(out) == n || left == 0 {
				return out
			}
			left--
			if wanted(e) {
				out = append(out, *e)
			}
		}
	}
	return out
}

// copied returns the parts as they are now, the newest first: pushes do not wait
// for a reader.
func (j *Journal) copied() [][]byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([][]byte, len(j.parts))
	for i := range out {
		out[i] = slices.Clone(j.parts[(j.at+len(j.parts)-i)%len(j.parts)].bytes)
	}
	return out
}

// Problems returns the last problems of a provider, the newest first.
func (j *Journal) Problems(provider string) []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := j.problems[provider]
	out := make([]Entry, len(list))
	for i := range list {
		out[i] = list[len(list)-1-i]
	}
	return out
}

// contentOf says in a word or two what a notification is about.
func contentOf(n *providers.Notification) string {
	switch {
	case n.Event != "":
		return "account event"
	case n.Rings(), n.Call != nil && n.Urgent() && (n.Call.Meet || n.Call.Action == "" || n.Call.Action == "propose"):
		return "call"
	case n.Call != nil, n.Encrypted != nil && n.Encrypted.VoIP:
		return "end of a call"
	case n.Fetched():
		return "messages were fetched"
	case contentless(n):
		return "wake-up without content"
	case n.Encrypted != nil && !n.Urgent():
		return "encrypted, low priority"
	case n.Encrypted != nil:
		return "encrypted message"
	case n.Groupchat:
		return "group chat message"
	case !n.Urgent():
		return "low priority"
	}
	return "message"
}
