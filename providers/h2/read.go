package h2

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/net/http2"
)

// maxOut is how much may wait to be written when the server asks for answers to
// its pings and settings, in bytes: one that only asks is ended.
const maxOut = 8 << 20

// GoAway says that the server ended the connection.
type GoAway struct {
	Code string // e.g. "NO_ERROR"
	Text string // what it said; APNs: JSON with a reason
}

// Error describes it in one line.
func (e *GoAway) Error() string {
	return strings.TrimSuffix(fmt.Sprintf("the server closed the connection: %s %s", e.Code, e.Text), " ")
}

// read takes frames until the connection ends.
func (c *conn) read() {
	for {
		f, err := c.framer.ReadFrame()
		if err == nil {
			err = c.frame(f)
		}
		var stream http2.StreamError
		if errors.As(err, &stream) {
			c.reset(stream)
			continue
		}
		if err != nil {
			c.end(err)
			return
		}
	}
}

// end tells the server what it did wrong, and ends the connection.
func (c *conn) end(err error) {
	var broken http2.ConnectionError
	if errors.As(err, &broken) {
		c.mu.Lock()
		_ = c.writer.WriteGoAway(0, http2.ErrCode(broken), nil)
		c.mu.Unlock()
		c.flushNow()
	}
	c.die(err)
}

// frame acts on one frame. The error is one of http2's.
func (c *conn) frame(f http2.Frame) error {
	switch f := f.(type) {
	case *http2.HeadersFrame:
		return c.headersFrame(c.head.begin(f))
	case *http2.ContinuationFrame: // the framer sees to their order
		return c.headersFrame(c.head.part(f.HeaderBlockFragment(), f.HeadersEnded()))
	case *http2.DataFrame:
		return c.dataFrame(f)
	case *http2.RSTStreamFrame:
		return c.rstFrame(f)
	case *http2.SettingsFrame:
		return c.settings(f)
	case *http2.PingFrame:
		if f.IsAck() {
			return nil
		}
		return c.answer(func() error { return c.writer.WritePing(true, f.Data) })
	case *http2.WindowUpdateFrame:
		return c.windowFrame(f)
	case *http2.GoAwayFrame:
		c.goAway(f)
	case *http2.PushPromiseFrame:
		return http2.ConnectionError(http2.ErrCodeProtocol) // we said that we want none
	}
	return nil // RFC 9113 section 4.1: an unknown frame is ignored
}

// answer writes what a server has asked for.
func (c *conn) answer(write func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out.Len() > maxOut {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	if err := write(); err != nil {
		return err
	}
	c.flushSoon()
	return nil
}
