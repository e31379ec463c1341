package push

import (
	"encoding/binary"
	"encoding/hex"
	"time"
)

// record is the entries of a [Journal] one behind the other, as bytes: twenty
// thousand entries with their texts as objects of their own would take five
// times the memory, and the garbage collector would visit each.
type record struct {
	bytes []byte
	last  [9]string // the texts of the last entry
}

// Flags of an entry.
const (
	flagAccepted = 1 << iota
	flagSecond
	flagSandbox
	flagUUID // the push's id is a UUID, and stands there as its 16 bytes
)

// texts are the entry's, in the order of a record.
func (e *Entry) texts() [9]*string {
	return [...]*string{&e.Service, &e.Account, &e.Device, &e.Content, &e.PushID, &e.Kind, &e.Reason, &e.Text, (*string)(&e.Removed)}
}

// pushID is where the push's id is among the texts.
const pushID = 4

// add appends an entry.
func (r *record) add(e *Entry) {
	b := binary.BigEndian.AppendUint64(r.bytes, uint64(e.Time.UnixNano()))
	b = binary.AppendUvarint(b, uint64(max(0, e.Took)))
	b = binary.AppendUvarint(b, uint64(max(0, e.Status)))
	id, short := parseUUID(e.PushID)
	flags := byte(0)
	for i, set := range [...]bool{e.Accepted, e.Second, e.Sandbox, short} {
		if set {
			flags |= 1 << i
		}
	}
	b = append(b, flags)
	for i, t := range e.texts() {
		switch {
		case i == pushID && short:
			b = append(b, id[:]...)
		case *t == r.last[i]:
			b = binary.AppendUvarint(b, 0) // as before
		default:
			b = append(binary.AppendUvarint(b, uint64(len(*t))+1), *t...)
			r.last[i] = *t
		}
	}
	r.bytes = b
}

// entries reads all entries of a record's bytes, the oldest first. They share one
// text.
func entries(r []byte) (out []Entry) {
	all, last := string(r), [9]string{}
	for at := 0; at < len(r); {
		number := func() uint64 {
			n, size := binary.Uvarint(r[at:])
			at += size
			return n
		}
		var e Entry
		e.Time = time.Unix(0, int64(binary.BigEndian.Uint64(r[at:]))).UTC()
		at += 8
		e.Took, e.Status = time.Duration(number()), int(number())
		flags := r[at]
		at++
		e.Accepted, e.Second, e.Sandbox = flags&flagAccepted != 0, flags&flagSecond != 0, flags&flagSandbox != 0
		for i, t := range e.texts() {
			if i == pushID && flags&flagUUID != 0 {
				*t = formatUUID([16]byte(r[at:]))
				at += 16
				continue
			}
			if n := int(number()) - 1; n >= 0 {
				last[i] = all[at : at+n]
				at += n
			}
			*t = last[i]
		}
		out = append(out, e)
	}
	return out
}

// formatUUID writes a UUID as RFC 9562 has it, in small letters.
func formatUUID(b [16]byte) string {
	var t [36]byte
	at := 0
	for i, part := range [...][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
		if i > 0 {
			t[at] = '-'
			at++
		}
		at += hex.Encode(t[at:], part)
	}
	return string(t[:])
}

// parseUUID reads what formatUUID writes, and nothing else.
func parseUUID(text string) (b [16]byte, ok bool) {
	if len(text) != 36 {
		return b, false
	}
	var digits [32]byte
	n := 0
	for i := range len(text) {
		c := text[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return b, false
			}
		case '0' <= c && c <= '9' || 'a' <= c && c <= 'f':
			digits[n] = c
			n++
		default:
			return b, false
		}
	}
	_, err := hex.Decode(b[:], digits[:])
	return b, err == nil
}
