//go:build !race

// Under the race detector, pools forget some of what they hold, on purpose: what
// is allocated is exact without it only.

package h2

import (
	"bytes"
	"fmt"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestHeadersAllocations holds what the headers of an answer may allocate: the
// library's frame, and a name and a text that no table holds.
func TestHeadersAllocations(t *testing.T) {
	const answers = 300
	var in, block bytes.Buffer
	e := hpack.NewEncoder(&block)
	w := http2.NewFramer(&in, nil)
	for i := range answers {
		block.Reset()
		_ = e.WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
		_ = e.WriteField(hpack.HeaderField{Name: "apns-id", Value: fmt.Sprint("id-", i), Sensitive: true})
		if err := w.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true}); err != nil {
			t.Fatal(err)
		}
	}
	r, h := http2.NewFramer(nil, &in), newHead()
	r.SetReuseFrames()
	got := testing.AllocsPerRun(answers-100, func() {
		f, err := r.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if whole, err := h.begin(f.(*http2.HeadersFrame)); !whole || err != nil {
			t.Fatal(whole, err)
		}
	})
	if got > 3 {
		t.Errorf("an answer's headers allocate %.0f times, at most 3", got)
	}
}
