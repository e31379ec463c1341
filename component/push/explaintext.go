package push

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Text is the explanation for people, in lines; the same from the ad-hoc command
// and on the command line.
func (e *Explanation) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s at %s\n%s\n", e.Account, e.Service, e.Conclusion)
	for i := range e.Devices {
		e.Devices[i].write(&b, len(e.Devices) > 1)
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\n… and %d devices that were registered before these.\n", e.More)
	}
	if len(e.Removed) > 0 {
		b.WriteString("\nRemoved in the last 30 days\n")
	}
	for _, r := range e.Removed {
		fmt.Fprintf(&b, "  %s  %s: %s\n", stamp(r.Time), r.Device, because(r.Why))
		if r.Outcome != nil {
			fmt.Fprintf(&b, "    %s\n", r.Outcome.line())
		}
	}
	for i := range e.Providers {
		b.WriteByte('\n')
		e.Providers[i].write(&b, e.Time)
	}
	if e.Since == nil {
		b.WriteString("\nThe program does not run here: this is what the database knows. Single pushes are noted only while it runs.\n")
	} else if len(e.Devices) > 0 {
		fmt.Fprintf(&b, "\nSingle pushes are noted since %s, the last %d of all accounts.\n", stamp(*e.Since), journalSize)
	}
	return b.String()
}

// write describes a device; its conclusion only where it is not that of all.
func (d *DeviceReport) write(b *strings.Builder, several bool) {
	fmt.Fprintf(b, "\nDevice %s\n", d.ID)
	if several {
		fmt.Fprintf(b, "  %s\n", d.Conclusion)
	}
	fmt.Fprintf(b, "  node          %s\n", d.Node)
	if d.Registered != nil {
		fmt.Fprintf(b, "  registered    %s%s\n", stamp(*d.Registered), d.kind())
	} else {
		fmt.Fprintf(b, "  registered    by an earlier program%s\n", d.kind())
	}
	if d.LastAccepted != nil {
		fmt.Fprintf(b, "  accepted from %s\n", stamp(*d.LastAccepted))
	}
	if f := d.LastFailure; f != nil {
		fmt.Fprintf(b, "  failing since %s: %s (id %s)\n", stamp(f.Time), f.Reason, f.PushID)
	}
	for i := range d.Outcomes {
		fmt.Fprintf(b, "  %s\n", d.Outcomes[i].line())
	}
}

func (d *DeviceReport) kind() string {
	var words []string
	if d.Calls {
		words = append(words, "calls ring")
	}
	if d.Sandbox {
		words = append(words, "test environment")
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}

// line is an outcome in one line.
func (e *Entry) line() string {
	result := "accepted"
	if !e.Accepted {
		result = e.Text
	}
	if e.Removed != "" {
		result += "; device removed"
	}
	content := e.Content
	if e.Second {
		content += " to the second token"
	}
	return fmt.Sprintf("%s  %s: %s, %d ms (id %s)", stamp(e.Time), content, result, e.Took.Milliseconds(), e.PushID)
}

// write describes a provider in lines.
func (p *ProviderState) write(b *strings.Builder, at time.Time) {
	fmt.Fprintf(b, "Provider %s (%s)\n", p.ID, p.Label)
	if len(p.Aliases) > 0 {
		fmt.Fprintf(b, "  also          %s\n", strings.Join(p.Aliases, ", "))
	}
	fmt.Fprintf(b, "  devices       %d\n", p.Devices)
	fmt.Fprintf(b, "  pushes        %d accepted%s\n", p.Accepted, failures(p.Failures))
	fmt.Fprintf(b, "  state         %s\n", p.state())
	if p.LastErrorAt != nil {
		fmt.Fprintf(b, "  last problem  %s: %s\n", stamp(*p.LastErrorAt), p.LastError)
	}
	if p.Expires != nil {
		fmt.Fprintf(b, "  certificate   %s\n", validity(*p.Expires, at))
	}
}

func failures(by map[string]uint64) string {
	var b strings.Builder
	for _, reason := range slices.Sorted(maps.Keys(by)) {
		fmt.Fprintf(&b, ", %d %s", by[reason], reason)
	}
	return b.String()
}

func (p *ProviderState) state() string {
	var words []string
	switch {
	case p.Paused:
		words = append(words, "paused: the push service takes no pushes; one at a time is tried")
	case p.Trusted:
		words = append(words, "pushing; unknown tokens are taken for dead")
	default:
		words = append(words, "no push was accepted lately; unknown tokens remove no device")
	}
	if p.CallsPaused {
		words = append(words, "calls are paused and go as alerts")
	}
	return strings.Join(words, "; ")
}

func validity(until, at time.Time) string {
	days := int(until.Sub(at).Hours() / 24)
	switch {
	case at.After(until):
		return "EXPIRED on " + stamp(until)
	case days <= 30:
		return fmt.Sprintf("valid until %s: %d days left", stamp(until), days)
	}
	return "valid until " + stamp(until)
}

// statusText describes all providers in lines.
func statusText(all []ProviderState, at time.Time) string {
	if len(all) == 0 {
		return "No provider is active: devices cannot be registered.\n"
	}
	var b strings.Builder
	for i := range all {
		if i > 0 {
			b.WriteByte('\n')
		}
		all[i].write(&b, at)
		for j := range min(outcomesShown, len(all[i].Problems)) {
			fmt.Fprintf(&b, "  %s\n", all[i].Problems[j].line())
		}
	}
	return b.String()
}
