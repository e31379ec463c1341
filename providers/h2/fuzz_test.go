package h2

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// FuzzServer plays a hostile server: after the settings come frames of its own
// choice. Whatever they are, a request has one outcome, and all ends.
func FuzzServer(f *testing.F) {
	seed := func(write func(*http2.Framer, func(...string) []byte)) {
		var out, block bytes.Buffer
		enc := hpack.NewEncoder(&block)
		fr := http2.NewFramer(&out, nil)
		fr.AllowIllegalWrites = true
		write(fr, func(pairs ...string) []byte {
			block.Reset()
			for i := 0; i < len(pairs); i += 2 {
				_ = enc.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
			}
			return bytes.Clone(block.Bytes())
		})
		f.Add(out.Bytes())
	}
	type headers = func(...string) []byte
	answer := func(id uint32, end bool, block []byte) http2.HeadersFrameParam {
		return http2.HeadersFrameParam{StreamID: id, EndHeaders: true, EndStream: end, BlockFragment: block}
	}
	for _, write := range []func(*http2.Framer, headers){
		func(f *http2.Framer, h headers) {
			_ = f.WriteHeaders(answer(1, true, h(":status", "200", "apns-id", "x")))
		},
		func(f *http2.Framer, h headers) {
			_ = f.WriteHeaders(answer(1, false, h(":status", "400")))
			_ = f.WriteData(1, true, []byte(`{"reason":"BadDeviceToken"}`))
		},
		func(f *http2.Framer, h headers) {
			_ = f.WriteHeaders(answer(1, false, h(":status", "100")))
			_ = f.WriteHeaders(answer(1, false, h(":status", "200")))
			_ = f.WriteHeaders(answer(1, true, h("x", "trailer")))
		},
		func(f *http2.Framer, h headers) { _ = f.WriteHeaders(answer(3, true, h(":status", "200"))) },
		func(f *http2.Framer, h headers) { _ = f.WriteHeaders(answer(1, true, h(":status", "no number"))) },
		func(f *http2.Framer, _ headers) { _ = f.WriteData(1, true, []byte("no headers")) },
		func(f *http2.Framer, _ headers) { _ = f.WriteRSTStream(1, http2.ErrCodeRefusedStream) },
		func(f *http2.Framer, _ headers) { _ = f.WriteGoAway(0, http2.ErrCodeNo, []byte("\x00\xff")) },
		func(f *http2.Framer, _ headers) { _ = f.WriteWindowUpdate(0, 1<<31-1) },
		func(f *http2.Framer, _ headers) { _ = f.WriteWindowUpdate(1, 0) },
		func(f *http2.Framer, _ headers) {
			_ = f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 31})
		},
		func(f *http2.Framer, _ headers) {
			_ = f.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1})
		},
		func(f *http2.Framer, _ headers) {
			_ = f.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 0}, http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0})
			_ = f.WritePing(false, [8]byte{})
		},
		func(f *http2.Framer, _ headers) {
			_ = f.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2})
		},
		func(f *http2.Framer, _ headers) { _ = f.WriteRawFrame(0xfe, 0xff, 1, []byte("an unknown frame")) },
		func(f *http2.Framer, _ headers) { _ = f.WriteContinuation(1, true, []byte{0x82}) },
	} {
		seed(func(f *http2.Framer, h func(...string) []byte) { write(f, h) })
	}
	f.Fuzz(func(t *testing.T, frames []byte) {
		tr, err := New("push.example:443", Options{Connections: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer tr.Close()
		dialled := false
		tr.engine.(*pool).dial = func(context.Context) (net.Conn, error) {
			if dialled {
				return nil, errors.New("once is enough")
			}
			dialled = true
			return newTape(frames), nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		resp, err := post(ctx, tr, "/", "{}")
		if got := fate(resp, err); got == "an error of another type" || ctx.Err() != nil {
			t.Errorf("%s: %v", got, err)
		}
	})
}

// tape is a connection to a server that sends its settings, waits for a request,
// sends what it was given, and ends.
type tape struct {
	net.Conn // nil: nothing else is called
	script   io.Reader
	asked    chan struct{}
}

func newTape(frames []byte) *tape {
	var settings bytes.Buffer
	_ = http2.NewFramer(&settings, nil).WriteSettings()
	c := &tape{asked: make(chan struct{})}
	c.script = io.MultiReader(&settings, waiting{c.asked}, bytes.NewReader(frames))
	return c
}

// waiting is nothing, but later.
type waiting struct{ until chan struct{} }

func (w waiting) Read([]byte) (int, error) { <-w.until; return 0, io.EOF }

func (c *tape) Read(p []byte) (int, error) { return c.script.Read(p) }

// Write lets the script go on with the request.
func (c *tape) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("{}")) {
		close(c.asked)
	}
	return len(p), nil
}

func (c *tape) Close() error                     { return nil }
func (c *tape) SetReadDeadline(time.Time) error  { return nil }
func (c *tape) SetWriteDeadline(time.Time) error { return nil }
