package h2

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/net/http2"
)

// known reports whether a stream has been used. One that has not is the
// server's mistake. c.mu is held.
func (c *conn) known(id uint32) error {
	if id%2 == 0 || id >= c.nextID {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return nil
}

// headersFrame acts on an answer's headers, or on what follows its body.
func (c *conn) headersFrame(whole bool, err error) error {
	if !whole || err != nil {
		return err
	}
	f := c.head
	status, err := strconv.Atoi(f.status)
	valid := err == nil && status >= 100 && status <= 999 && !f.full
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.streams[f.stream]
	switch {
	case k == nil:
		return c.known(f.stream)
	case k.status != 0: // trailers, which say nothing
	case !valid, status < 200 && f.ends:
		return http2.StreamError{StreamID: f.stream, Code: http2.ErrCodeProtocol}
	case status < 200:
		return nil // interim (RFC 9110 section 15.2)
	default:
		k.status = status
		k.fields = append(k.fields, f.fields...)
		c.useful.Store(true)
		c.heard = time.Now()
	}
	if f.ends {
		c.complete(k)
	}
	return nil
}

// complete ends a call with its answer. c.mu is held.
func (c *conn) complete(k *call) {
	if len(k.rest) > 0 { // it was answered without being read to the end
		_ = c.writer.WriteRSTStream(k.id, http2.ErrCodeCancel)
		c.flushSoon()
	}
	c.take(k)
	k.finish(nil)
}

func (c *conn) dataFrame(f *http2.DataFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.owed += f.Length; c.owed >= connWindow/2 {
		_ = c.writer.WriteWindowUpdate(0, c.owed)
		c.owed = 0
		c.flushSoon()
	}
	k := c.streams[f.StreamID]
	if k == nil {
		return c.known(f.StreamID)
	}
	if k.status == 0 {
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeProtocol}
	}
	data := f.Data()
	full := len(k.answer)+len(data) > maxAnswer
	k.answer = append(k.answer, data[:min(len(data), maxAnswer-len(k.answer))]...)
	if full && !f.StreamEnded() {
		_ = c.writer.WriteRSTStream(k.id, http2.ErrCodeCancel)
		c.flushSoon()
	}
	if full || f.StreamEnded() {
		c.complete(k)
	}
	return nil
}

func (c *conn) rstFrame(f *http2.RSTStreamFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.streams[f.StreamID]
	if k == nil {
		return c.known(f.StreamID)
	}
	c.take(k)
	if f.ErrCode == http2.ErrCodeRefusedStream {
		k.finish(&Error{Err: errRefused})
		return nil
	}
	k.finish(&Error{Written: true, Err: fmt.Errorf("the server ended the request: %s", f.ErrCode)})
	return nil
}

// reset ends the call of a stream on which the server made a mistake.
func (c *conn) reset(e http2.StreamError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.writer.WriteRSTStream(e.StreamID, e.Code)
	c.flushSoon()
	if k := c.streams[e.StreamID]; k != nil {
		c.take(k)
		k.finish(&Error{Written: true, Err: e})
	}
}

// goAway gives the connection no more requests and those back that the server
// has not looked at (RFC 9113 section 6.8). The others get their answers.
func (c *conn) goAway(f *http2.GoAwayFrame) {
	away := &GoAway{Code: f.ErrCode.String(), Text: readable(f.DebugData())}
	var refused []*call
	c.mu.Lock()
	c.away = away
	for id, k := range c.streams {
		if id > f.LastStreamID {
			c.take(k)
			refused = append(refused, k)
		}
	}
	c.mu.Unlock()
	c.pool.retire(c, away)
	for _, k := range refused {
		k.finish(&Error{Err: fmt.Errorf("%w: %w", errNotTaken, away)})
	}
}

// maxText bounds what is kept of a server's words, in bytes.
const maxText = 256

// readable makes text of what a server says.
func readable(b []byte) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, string(b[:min(len(b), maxText)]))
}

func (c *conn) windowFrame(f *http2.WindowUpdateFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.flushSoon()
	if f.StreamID == 0 {
		if c.window += int64(f.Increment); c.window > math.MaxInt32 {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
		c.unblock()
		return nil
	}
	k := c.streams[f.StreamID]
	if k == nil {
		return c.known(f.StreamID)
	}
	if k.window += int64(f.Increment); k.window > math.MaxInt32 {
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeFlowControl}
	}
	if len(k.rest) > 0 && c.window > 0 {
		c.unblock()
	}
	return nil
}

// settings obeys a server's settings and confirms them.
func (c *conn) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	limit := -1
	err := c.answer(func() error {
		err := f.ForeachSetting(func(s http2.Setting) error {
			if s.ID == http2.SettingMaxConcurrentStreams {
				limit = int(min(s.Val, math.MaxInt32))
			}
			return c.setting(s)
		})
		if err == nil {
			err = c.writer.WriteSettingsAck()
		}
		return err
	})
	if err == nil && limit >= 0 {
		c.pool.change(func() { c.limit = limit })
	}
	return err
}

// setting obeys one setting. c.mu is held.
func (c *conn) setting(s http2.Setting) error {
	if err := s.Valid(); err != nil {
		return err
	}
	switch s.ID {
	case http2.SettingHeaderTableSize:
		c.blocks = c.blocks[:0]
		c.encoder.SetMaxDynamicTableSizeLimit(min(s.Val, 4096))
		c.encoder.SetMaxDynamicTableSize(min(s.Val, 4096))
	case http2.SettingMaxFrameSize:
		c.maxFrame = int(min(s.Val, 64<<10))
	case http2.SettingInitialWindowSize:
		grown := int64(s.Val) - c.initial
		c.initial = int64(s.Val)
		for _, k := range c.streams {
			if k.window += grown; k.window > math.MaxInt32 {
				return http2.ConnectionError(http2.ErrCodeFlowControl)
			}
		}
		if grown > 0 {
			c.unblock()
		}
	}
	return nil
}
