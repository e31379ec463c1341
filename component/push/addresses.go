package push

import (
	"hash/maphash"
	"strings"
	"sync/atomic"

	"mellium.im/xmpp/jid"
)

// addresses remembers what was parsed of addresses: a server publishes all day
// from the same few to the same one.
type addresses struct {
	seed  maphash.Seed
	known [16]atomic.Pointer[address]
}

type address struct {
	text string
	jid  jid.JID
}

func newAddresses() addresses { return addresses{seed: maphash.MakeSeed()} }

// of returns what parse makes of a text.
func (a *addresses) of(text string, parse func() (jid.JID, error)) (jid.JID, error) {
	place := &a.known[maphash.String(a.seed, text)%uint64(len(a.known))]
	if k := place.Load(); k != nil && k.text == text {
		return k.jid, nil
	}
	j, err := parse()
	if err == nil {
		place.Store(&address{strings.Clone(text), j})
	}
	return j, err
}
