package ext

import (
	"context"
	"slices"
	"time"
)

// List is a list of connection items that may change while the program runs,
// such as the ones that Tigase keeps in its database.
type List struct {
	// Name is what the log calls the list.
	Name string
	// Read returns the list's items. found is false when there is no list:
	// that changes nothing, while an empty one removes its items.
	Read func(ctx context.Context) (items []Item, found bool, err error)
	// Server says that the list is the server's own: an accept item is then its
	// listener, which is dialled, and a connect item is none of ours.
	Server bool
}

// listTime bounds one reading of a list.
const listTime = 20 * time.Second

// items returns the items of all sources: the first source that has a domain
// counts for it.
func (e *Ext) items() []Item {
	sources := [][]Item{e.fixed}
	for i := range e.lists {
		sources = append(sources, e.lists[i].last)
	}
	return firsts(sources...)
}

// noteDomains keeps the domains of all items for those who ask meanwhile.
func (e *Ext) noteDomains() {
	var domains []string
	for _, it := range e.items() {
		if !slices.Contains(domains, it.Domain) {
			domains = append(domains, it.Domain)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.domains = domains
}

// firsts joins sources, and leaves out items whose domain an earlier source has,
// or that an earlier item of the same source repeats.
func firsts(sources ...[]Item) (out []Item) {
	seen := map[string]bool{}
	for _, items := range sources {
		begin := len(out)
		for _, it := range items {
			if !seen[it.Domain] && !slices.Contains(out[begin:], it) {
				out = append(out, it)
			}
		}
		for _, it := range out[begin:] {
			seen[it.Domain] = true
		}
	}
	return out
}

// list is a List with what it held when it was last read.
type list struct {
	List
	last   []Item
	failed string // the last failure told, so that it is told once
}

// Refresh reads all lists again. What cannot be read stays as it was. Run does
// it by itself.
func (e *Ext) Refresh(ctx context.Context) {
	defer e.noteDomains()
	for i := range e.lists {
		l := &e.lists[i]
		limited, cancel := context.WithTimeout(ctx, listTime)
		items, found, err := l.Read(limited)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if l.failed != err.Error() {
				l.failed = err.Error()
				e.log.Warn("connection items not read: those known stay", "list", l.Name, "err", err)
			}
		case found:
			l.failed = ""
			l.last = e.usable(l, items)
		}
	}
}

// usable returns the items of a list that are ours and well; the others are
// told once for each state of the list.
func (e *Ext) usable(l *list, items []Item) []Item {
	var out []Item
	var wrong string
	for _, it := range items {
		if it.Type != typeConnect {
			it.Type = typeAccept // as Tigase takes any other word
		}
		if l.Server && it.Type == typeConnect {
			continue
		}
		err := it.prepare(!l.Server && e.cfg.ConfigType == configComponent)
		if err == nil {
			out = append(out, it)
			continue
		}
		wrong += err.Error() + "\n"
		if l.failed != wrong {
			e.log.Warn("connection item left out", "list", l.Name, "err", err)
		}
	}
	l.failed = wrong
	return out
}

// tellNone says what to enter where when there is nothing to connect to.
func (e *Ext) tellNone() {
	if len(e.lists) == 0 {
		e.log.Warn("no connection items: nothing connects; add one to 'items' of the ext bean or to " + ItemsFile)
		return
	}
	e.log.Warn("no connection items yet, looking again every "+e.pace.lists.String()+
		"; on a Tigase server run the ad-hoc command 'Add new item' of its ext component with: Domain name push.<your domain>, Domain password <a secret>, Connection type accept, Port number 5270, Protocol empty, Socket type plain",
		"or", "add a line push.<your domain>:<a secret>:connect:5270:<host>:accept to "+ItemsFile)
}
