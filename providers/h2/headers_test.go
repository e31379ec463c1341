package h2

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// FuzzHeaders compares how blocks of headers are taken with what the framer of
// golang.org/x/net makes of them, of two answers one after the other.
func FuzzHeaders(f *testing.F) {
	block := func(pairs ...string) []byte {
		var b bytes.Buffer
		e := hpack.NewEncoder(&b)
		for i := 0; i < len(pairs); i += 2 {
			_ = e.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
		}
		return b.Bytes()
	}
	for _, pairs := range [][]string{
		{":status", "200", "apns-id", "A1"}, {":status", "410", "Upper", "x"}, {"x", "1", ":status", "200"}, {":status", "200", ":status", "200"},
		{":status", "200", ":method", "GET"}, {":status", "200", "x", "a\nb"}, {":status", "200", "", "empty"}, {":status", "200", "x y", "space"},
		{":status", "200", "long", strings.Repeat("l", maxList-100)}, {":status", "200", "long", strings.Repeat("l", maxList+1)},
		{":status", "200", "a", strings.Repeat("l", maxList/2), "b", strings.Repeat("l", maxList/2)}, {"trailer", "x"}, {},
	} {
		f.Add(block(pairs...), block(":status", "200"), 7)
	}
	f.Add([]byte{0xbf}, []byte{0x82}, 0)
	f.Fuzz(func(t *testing.T, first, second []byte, cut int) {
		ours, theirs := new(bytes.Buffer), new(bytes.Buffer)
		for i, b := range [][]byte{first, second} {
			for _, out := range []*bytes.Buffer{ours, theirs} {
				w := http2.NewFramer(out, nil)
				w.AllowIllegalWrites = true
				at := min(max(cut, 0), len(b))
				_ = w.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: b[:at], EndHeaders: at == len(b), EndStream: true})
				if at < len(b) {
					_ = w.WriteContinuation(uint32(2*i+1), true, b[at:])
				}
			}
		}
		reader, library := http2.NewFramer(nil, ours), http2.NewFramer(nil, theirs)
		library.ReadMetaHeaders, library.MaxHeaderListSize = hpack.NewDecoder(4096, nil), maxList
		h := newHead()
		for range 2 {
			got, ends := readOurs(reader, h)
			want, over := readTheirs(library)
			if got != want && !stricter(want) {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
			if ends || over {
				return
			}
		}
	})
}

func readOurs(r *http2.Framer, h *head) (text string, ends bool) {
	for {
		f, err := r.ReadFrame()
		whole := false
		if err == nil {
			switch f := f.(type) {
			case *http2.HeadersFrame:
				whole, err = h.begin(f)
			case *http2.ContinuationFrame:
				whole, err = h.part(f.HeaderBlockFragment(), f.HeadersEnded())
			}
		}
		if text, ends, failed := failure(err); failed {
			return text, ends
		}
		if whole {
			return fmt.Sprint(h.stream, h.status, h.full, h.fields), false
		}
	}
}

func readTheirs(r *http2.Framer) (text string, ends bool) {
	f, err := r.ReadFrame()
	if text, ends, failed := failure(err); failed {
		return text, ends
	}
	m := f.(*http2.MetaHeadersFrame)
	if slices.ContainsFunc(m.PseudoFields(), func(f hpack.HeaderField) bool { return f.Name != ":status" }) {
		return "a request's", true
	}
	return fmt.Sprint(m.StreamID, m.PseudoValue("status"), m.Truncated, m.RegularFields()), false
}

func failure(err error) (text string, ends, failed bool) {
	var stream http2.StreamError
	if errors.As(err, &stream) {
		return "stream " + stream.Code.String(), false, true
	}
	if err != nil {
		return "end", true, true
	}
	return "", false, false
}

// stricter reports whether the library takes what is no answer: pseudo fields of
// a request, and a "trailer" field beside the other fields' bound.
func stricter(want string) bool {
	return want == "a request's" || strings.Contains(want, "{trailer") || strings.Contains(want, `"trailer"`)
}
