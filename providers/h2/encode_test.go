package h2

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// TestBlocks: the server reads what was sent, however often blocks of fields come
// again, whatever goes into the table in between, when the table shrinks, and
// with several requests at the same time.
func TestBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		sent, n := map[string][]string{}, 0
		tr, _, _ := wire(t, Options{Connections: 1}, func(s *peer) {
			s.settings()
			for {
				frame, err := s.ReadFrame()
				if err != nil {
					return
				}
				h, ok := frame.(*http2.MetaHeadersFrame)
				if !ok {
					continue
				}
				var got []string
				for _, f := range h.Fields {
					got = append(got, f.Name+"="+f.Value)
				}
				slices.Sort(got)
				mu.Lock()
				want := sent[h.PseudoValue("path")]
				n++
				mu.Unlock()
				if !slices.Equal(got, want) {
					t.Errorf("sent %q, read %q", want, got)
				}
				if n%50 == 0 {
					s.settings(uint32(http2.SettingHeaderTableSize), rand.Uint32N(900))
				}
				if s.answer(h.StreamID, 200, "") != nil {
					return
				}
			}
		})
		one := func(path string) {
			r := Request{Host: "push.example", Path: path, Header: []Field{{Name: "apns-topic", Value: fmt.Sprint("topic-", rand.IntN(4))},
				{Name: "apns-priority", Value: fmt.Sprint(rand.IntN(3))}, {Name: "apns-id", Value: path, Sensitive: true}}}
			switch rand.IntN(150) {
			case 0, 1:
				r.Header = append(r.Header, Field{Name: "authorization", Value: strings.Repeat("x", rand.IntN(300))})
			case 2: // in several frames
				r.Header = append(r.Header, Field{Name: "x-long", Value: strings.Repeat("~", 20000)})
			case 3:
				bad := Request{Host: r.Host, Path: path, Header: append(slices.Clone(r.Header), Field{Name: "x-bad", Value: "\n"})}
				if err := tr.Do(t.Context(), time.Time{}, &bad, new(kept)); !errors.Is(err, errBadHeader) {
					t.Errorf("a bad header: %v", err)
				}
			}
			want := []string{":method=POST", ":scheme=https", ":authority=push.example", ":path=" + path}
			for _, f := range r.Header {
				want = append(want, f.Name+"="+f.Value)
			}
			slices.Sort(want)
			mu.Lock()
			sent[path] = want
			mu.Unlock()
			var err error
			if rand.IntN(5) == 0 {
				err = roundTrip(t.Context(), tr, &r)
			} else {
				err = tr.Do(t.Context(), time.Time{}, &r, new(kept))
			}
			if err != nil {
				t.Error(err)
			}
		}
		var all sync.WaitGroup
		for g := range 4 {
			all.Go(func() {
				for i := range 750 {
					one(fmt.Sprintf("/%d-%d", g, i))
				}
			})
		}
		all.Wait()
	})
}

// roundTrip sends a request the other way.
func roundTrip(ctx context.Context, tr *Transport, r *Request) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+r.Host+r.Path, nil)
	if err != nil {
		return err
	}
	for _, f := range r.Header {
		req.Header.Set(f.Name, f.Value)
	}
	_, err = tr.RoundTrip(req)
	return err
}

// TestBadHeader: a request that cannot be written is refused, and those after it
// are sent.
func TestBadHeader(t *testing.T) {
	tr, _, _ := wire(t, Options{}, func(s *peer) {
		s.settings()
		s.each(func(id uint32, _ string) error { return s.answer(id, 200, "") })
	})
	good := Request{Host: "push.example", Path: "/", Header: []Field{{Name: "apns-topic", Value: "a"}}}
	for _, bad := range []Request{
		{Host: "push.example", Path: "/\n"},
		{Host: "push.example", Path: "/", Header: []Field{{Name: "apns-topic", Value: "a\r\nb: c"}}},
		{Host: "push.example", Path: "/", Header: []Field{{Name: "apns-id", Value: "\x00", Sensitive: true}}},
		{Host: "push.example", Path: "/", Header: []Field{{Name: "apns-topic", Value: "a "}}},
		{Host: "push\n", Path: "/"},
	} {
		if err := tr.Do(t.Context(), time.Time{}, &bad, new(kept)); !errors.Is(err, errBadHeader) {
			t.Errorf("%+v: %v", bad, err)
		}
		var k kept
		if err := tr.Do(t.Context(), time.Time{}, &good, &k); err != nil || k.status != 200 {
			t.Errorf("after it: %v %v", k, err)
		}
	}
}
