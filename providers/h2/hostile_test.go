package h2

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// hostile is a server that does what it likes: it answers in any order, late,
// twice, or never, resets, refuses, goes away, hangs up, and takes bodies in small
// pieces. What it answers is what it was asked.
type hostile struct {
	*peer
	ids    map[uint32]string
	bodies map[uint32]string
	held   []uint32 // to be answered later
	last   uint32   // that is taken
	taken  uint32   // the last one that was
	took   func(id string)
}

func (s *hostile) serve() {
	s.settings(limitStreams, []uint32{1, 7, 100}[s.n%3], uint32(http2.SettingInitialWindowSize), []uint32{65535, 10}[s.n%2])
	for left := 5 + rand.IntN(200); ; {
		frame, err := s.ReadFrame()
		if err != nil {
			return
		}
		id := frame.Header().StreamID
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			s.ids[id] = strings.TrimPrefix(f.PseudoValue("path"), "/")
			if got := f.RegularFields()[0]; got.Name != "apns-id" || got.Value != s.ids[id] {
				s.t.Errorf("%s has the header %v", s.ids[id], got)
			}
		case *http2.DataFrame:
			s.bodies[id] += string(f.Data())
			if f.StreamEnded() {
				left--
				err = s.asked(id, left)
			} else {
				err = s.WriteWindowUpdate(id, 1+rand.Uint32N(50))
			}
			if n := uint32(len(f.Data())); n > 0 && err == nil {
				err = s.WriteWindowUpdate(0, n)
			}
		case *http2.RSTStreamFrame:
			if rand.IntN(2) == 0 {
				err = s.echo(id)
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				err = s.WritePing(true, f.Data)
			}
		}
		if err != nil {
			return
		}
	}
}

// asked does something with a request.
func (s *hostile) asked(id uint32, left int) (err error) {
	if want := bodyOf(s.ids[id]); s.bodies[id] != want {
		s.t.Errorf("%s has the body %q", s.ids[id], s.bodies[id])
	}
	if left == 0 {
		if s.last = s.taken; rand.IntN(2) == 0 {
			return errors.New("hangs up")
		}
		err = s.WriteGoAway(s.last, http2.ErrCodeNo, nil)
	}
	what := rand.IntN(20)
	switch {
	case id > s.last:
		return err
	case what == 0:
		return s.WriteRSTStream(id, http2.ErrCodeRefusedStream)
	case what == 1: // after an answer's beginning
		return errors.Join(s.head(id, "503", "x-stale"), s.WriteData(id, false, []byte("stale")), s.WriteRSTStream(id, http2.ErrCodeRefusedStream))
	}
	s.taken = max(s.taken, id)
	s.took(s.ids[id])
	switch {
	case what == 2:
		return s.WriteRSTStream(id, http2.ErrCodeInternal)
	case what == 3:
		return nil
	case what < 9:
		s.held = append(s.held, id)
	default:
		err = s.echo(id)
	}
	for len(s.held) > 3 && err == nil {
		i := rand.IntN(len(s.held))
		if err = s.echo(s.held[i]); err == nil && rand.IntN(5) == 0 {
			err = s.echo(s.held[i])
		}
		s.held = append(s.held[:i], s.held[i+1:]...)
	}
	return err
}

func (s *hostile) head(id uint32, status, name string) error {
	s.block.Reset()
	for _, f := range []hpack.HeaderField{{Name: ":status", Value: status}, {Name: name, Value: s.ids[id]}, {Name: "x-of", Value: s.ids[id]}} {
		if err := s.enc.WriteField(f); err != nil {
			return err
		}
	}
	return s.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: s.block.Bytes(), EndHeaders: true})
}

// echo answers with a header that only some answers have, and the body.
func (s *hostile) echo(id uint32) error {
	half := len(s.bodies[id]) / 2
	return errors.Join(s.head(id, "200", nameOf(s.ids[id])),
		s.WriteData(id, false, []byte(s.bodies[id][:half])), s.WriteData(id, true, []byte(s.bodies[id][half:])))
}

func bodyOf(id string) string { return strings.Repeat(id+" ", len(id)*len(id)) }

func nameOf(id string) string { return fmt.Sprint("x-", len(id)) }

// heard keeps an answer in words.
type heard string

func (h *heard) Answer(status int, fields []Field, body []byte) {
	*h = heard(fmt.Sprint(status, header(fields), string(body)))
}

// TestHostile: whatever a server does, each request gets its own answer or an
// error, in time; one that is said not to be sent was not taken, none is taken
// twice, and its memory is its owner's again.
func TestHostile(t *testing.T) {
	for name, end := range map[string]func(*Transport){"to the end": func(*Transport) {}, "closed": (*Transport).Close, "drained": (*Transport).Drain} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &suffering{t: t, taken: map[string]int{}}
				s.tr, _, _ = wire(t, Options{Connections: 3}, func(p *peer) {
					(&hostile{peer: p, ids: map[uint32]string{}, bodies: map[uint32]string{}, last: lastStream, took: s.took}).serve()
				})
				var all sync.WaitGroup
				for i := range 3000 {
					all.Go(func() { s.ask(fmt.Sprintf("%x", i*i)) })
					time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
					if i == 1500 {
						end(s.tr)
					}
				}
				all.Wait()
				for id, n := range s.taken {
					if n > 1 {
						t.Errorf("%s was taken %d times", id, n)
					}
				}
			})
		})
	}
}

// suffering is a transport to a hostile server, and what that took.
type suffering struct {
	t     *testing.T
	tr    *Transport
	mu    sync.Mutex
	taken map[string]int
	pool  sync.Pool // of *memory
}

// memory is that of a request; the next one uses it again.
type memory struct {
	req Request
	id  [1]Field
}

func (s *suffering) took(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken[id]++
}

func (s *suffering) ask(id string) {
	m, ok := s.pool.Get().(*memory)
	if !ok {
		m = &memory{req: Request{Host: "push.example"}}
	}
	m.id[0] = Field{Name: "apns-id", Value: id}
	m.req.Path, m.req.Header, m.req.Body = "/"+id, m.id[:], append(m.req.Body[:0], bodyOf(id)...)
	began, limit := time.Now(), time.Duration(rand.IntN(1500))*time.Millisecond
	var h heard
	err := s.tr.Do(s.t.Context(), began.Add(limit), &m.req, &h)
	clear(m.req.Body)
	m.id[0].Value = "overwritten"
	s.pool.Put(m)
	if took := time.Since(began); took > limit+coarse {
		s.t.Errorf("%s took %v instead of %v", id, took, limit)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var e *Error
	want := fmt.Sprint(200, http.Header{http.CanonicalHeaderKey(nameOf(id)): {id}, "X-Of": {id}}, bodyOf(id))
	switch {
	case err == nil:
		if string(h) != want || s.taken[id] != 1 {
			s.t.Errorf("%s, taken %d times, got %s", id, s.taken[id], h)
		}
	case !errors.As(err, &e) || h != "":
		s.t.Errorf("%s got %s and %v", id, h, err)
	case !e.Written && s.taken[id] > 0:
		s.t.Errorf("%s was taken: %v", id, err)
	}
}
