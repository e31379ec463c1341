package h2

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// peer is the server's end of a connection, which the test plays frame by frame.
// Writes fail once the client has gone, which ends most of them well.
type peer struct {
	*http2.Framer
	t     *testing.T
	conn  net.Conn
	n     int // of the connection, from 0
	block bytes.Buffer
	enc   *hpack.Encoder
}

// wire makes a transport whose connections are played by serve, without TLS. In
// a synctest bubble its time is virtual. It returns the pool, unless that is the
// standard one, and how often was dialled.
func wire(t *testing.T, o Options, serve func(*peer)) (*Transport, *pool, *atomic.Int32) {
	t.Helper()
	tr, err := New("push.example:443", o)
	if err != nil {
		t.Fatal(err)
	}
	dials := new(atomic.Int32)
	dial := func(context.Context) (net.Conn, error) {
		mine, theirs := net.Pipe()
		s := newPeer(t, buffered(theirs), int(dials.Add(1))-1)
		go func() {
			defer s.conn.Close()
			if _, err := io.ReadFull(theirs, make([]byte, len(http2.ClientPreface))); err == nil {
				serve(s)
			}
		}()
		return mine, nil
	}
	p, own := tr.engine.(*pool)
	if own {
		p.dial = dial
	} else {
		tr.engine.(*standard).pool.dial = dial
	}
	t.Cleanup(tr.Close)
	return tr, p, dials
}

func newPeer(t *testing.T, conn net.Conn, n int) *peer {
	s := &peer{Framer: http2.NewFramer(conn, conn), t: t, conn: conn, n: n}
	s.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	s.enc = hpack.NewEncoder(&s.block)
	return s
}

// settings sends the server's settings, in pairs.
func (s *peer) settings(pairs ...uint32) {
	var all []http2.Setting
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, http2.Setting{ID: http2.SettingID(pairs[i]), Val: pairs[i+1]})
	}
	// The client may have gone.
	_ = s.WriteSettings(all...)
}

const limitStreams = uint32(http2.SettingMaxConcurrentStreams)

// answer answers a stream.
func (s *peer) answer(id uint32, status int, body string) error {
	s.block.Reset()
	for _, f := range []hpack.HeaderField{{Name: ":status", Value: strconv.Itoa(status)}, {Name: "apns-id", Value: "x"}} {
		if err := s.enc.WriteField(f); err != nil {
			return err
		}
	}
	if err := s.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: s.block.Bytes(), EndHeaders: true, EndStream: body == ""}); err != nil || body == "" {
		return err
	}
	return s.WriteData(id, true, []byte(body))
}

// each hands the request of each frame that ends one to f, and pings to pong,
// until the connection ends or f returns an error.
func (s *peer) each(f func(id uint32, path string) error) {
	paths := map[uint32]string{}
	for {
		frame, err := s.ReadFrame()
		if err != nil {
			return
		}
		ended := false
		switch fr := frame.(type) {
		case *http2.MetaHeadersFrame:
			paths[fr.StreamID] = fr.PseudoValue("path")
			ended = fr.StreamEnded()
		case *http2.DataFrame:
			if n := uint32(fr.Length); n > 0 && s.WriteWindowUpdate(0, n) != nil {
				return
			}
			ended = fr.StreamEnded()
		case *http2.PingFrame:
			if !fr.IsAck() && s.WritePing(true, fr.Data) != nil {
				return
			}
		}
		if id := frame.Header().StreamID; ended && f(id, paths[id]) != nil {
			return
		}
	}
}

// answerLater answers on all connections but the first.
func (s *peer) answerLater(id uint32, _ string) error {
	if s.n == 0 {
		return nil
	}
	return s.answer(id, 200, "")
}

// post makes a request with a body.
func post(ctx context.Context, rt http.RoundTripper, path, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://push.example"+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	return rt.RoundTrip(req)
}

// fate is how a request ended, in a word.
func fate(resp *http.Response, err error) string {
	var e *Error
	switch {
	case err == nil:
		return strconv.Itoa(resp.StatusCode)
	case !errors.As(err, &e):
		return "an error of another type"
	case e.Written:
		return "unknown"
	}
	return "not sent"
}

// outbox is a connection that takes what is written at once, as the operating
// system does; net.Pipe waits until it is read.
type outbox struct {
	net.Conn
	queue chan []byte
	done  chan struct{}
}

func buffered(conn net.Conn) *outbox {
	o := &outbox{conn, make(chan []byte, 1<<16), make(chan struct{})}
	go func() {
		for b := range o.queue {
			if _, err := o.Conn.Write(b); err != nil {
				break
			}
		}
		close(o.done)
		o.Conn.Close()
		for range o.queue { // whoever writes is not to wait
		}
	}()
	return o
}

// Write implements io.Writer.
func (o *outbox) Write(p []byte) (int, error) {
	select {
	case <-o.done:
		return 0, net.ErrClosed
	case o.queue <- bytes.Clone(p):
		return len(p), nil
	}
}

// Close sends what is left.
func (o *outbox) Close() error { close(o.queue); <-o.done; return nil }
