package push

import (
	"encoding/binary"
	"time"
)

// record is the entries of a [Journal] one behind the other, as bytes: twenty
// thousand entries with their texts as objects of their own would take three
// times the memory, and the garbage collector would visit each.
type record []byte

// Flags of an entry.
const (
	flagAccepted = 1 << iota
	flagSecond
	flagSandbox
)

// texts are the entry's, in the order of a record.
func (e *Entry) texts() [9]*string {
	return [...]*string{&e.Service, &e.Account, &e.Device, &e.Content, &e.PushID, &e.Kind, &e.Reason, &e.Text, (*string)(&e.Removed)}
}

// add appends an entry.
func (r record) add(e *Entry) record {
	b := binary.BigEndian.AppendUint64(r, uint64(e.Time.UnixNano()))
	b = binary.AppendUvarint(b, uint64(max(0, e.Took)))
	b = binary.AppendUvarint(b, uint64(max(0, e.Status)))
	flags := byte(0)
	for i, set := range [...]bool{e.Accepted, e.Second, e.Sandbox} {
		if set {
			flags |= 1 << i
		}
	}
	b = append(b, flags)
	for _, t := range e.texts() {
		b = binary.AppendUvarint(b, uint64(len(*t)))
		b = append(b, *t...)
	}
	return b
}

// entries reads all entries, the oldest first. They share the record's text.
func (r record) entries() (out []Entry) {
	all := string(r)
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
		for _, t := range e.texts() {
			n := int(number())
			*t = all[at : at+n]
			at += n
		}
		out = append(out, e)
	}
	return out
}
