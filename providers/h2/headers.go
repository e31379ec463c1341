package h2

import (
	"strings"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// head puts the headers of answers together, one after the other, in memory that
// is used again: the framer of golang.org/x/net, which would do it too,
// allocates eight times for each.
type head struct {
	decoder *hpack.Decoder
	stream  uint32
	ends    bool // nothing comes after them
	status  string
	first   bool                // the status has come
	fields  []hpack.HeaderField // without the status
	left    int                 // of maxList
	regular bool                // a field without a colon has come
	bad     bool                // a field that must not be, and its size is no longer known
	odd     bool                // a field that is no answer's
	full    bool
}

func newHead() *head {
	h := &head{}
	h.decoder = hpack.NewDecoder(4096, h.field)
	h.decoder.SetMaxStringLength(maxList)
	return h
}

// begin takes a HEADERS frame.
func (h *head) begin(f *http2.HeadersFrame) (whole bool, err error) {
	clear(h.fields) // not to keep their texts
	*h = head{decoder: h.decoder, stream: f.StreamID, ends: f.StreamEnded(), fields: h.fields[:0], left: maxList}
	h.decoder.SetEmitEnabled(true)
	return h.part(f.HeaderBlockFragment(), f.HeadersEnded())
}

// part takes a piece of the block, which is whole after the last. A list far too
// long ends the connection: reading on would be work without bounds, and not
// reading it leaves the table of compressed headers unknown.
func (h *head) part(fragment []byte, last bool) (whole bool, err error) {
	if h.bad || len(fragment) > 2*h.left {
		return false, http2.ConnectionError(http2.ErrCodeProtocol)
	}
	if _, err := h.decoder.Write(fragment); err != nil {
		return false, http2.ConnectionError(http2.ErrCodeCompression)
	}
	if !last {
		return false, nil
	}
	if h.decoder.Close() != nil {
		return false, http2.ConnectionError(http2.ErrCodeCompression)
	}
	if h.bad || h.odd {
		return false, http2.StreamError{StreamID: h.stream, Code: http2.ErrCodeProtocol}
	}
	return true, nil
}

// field takes one. The rules are those of RFC 9113, sections 8.2.1 and 8.3.
func (h *head) field(f hpack.HeaderField) {
	pseudo := strings.HasPrefix(f.Name, ":")
	switch {
	case !httpguts.ValidHeaderFieldValue(f.Value),
		pseudo && h.regular,
		!pseudo && !validName(f.Name):
		h.bad = true
	case int(f.Size()) > h.left:
		h.full, h.left = true, 0
	}
	if h.bad || h.full {
		h.decoder.SetEmitEnabled(false)
		return
	}
	h.left -= int(f.Size())
	if pseudo {
		h.odd = h.odd || h.first || f.Name != ":status"
		h.status, h.first = f.Value, true
		return
	}
	h.regular = true
	h.fields = append(h.fields, f)
}

// validName reports whether a header's name may be on the wire: a token without
// capitals.
func validName(name string) bool {
	return httpguts.ValidHeaderFieldName(name) && !strings.ContainsFunc(name, func(r rune) bool { return r >= 'A' && r <= 'Z' })
}
