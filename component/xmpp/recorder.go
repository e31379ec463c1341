package xmpp

import (
	"io"

	"mellium.im/xmpp/stream"
)

// recorder keeps the bytes of the current stanza while the decoder takes them
// one at a time. It bounds them by MaxStanza.
type recorder struct {
	r   io.Reader
	buf []byte
	pos int
	err error // sticky: the first error of r, or the size limit's
}

const readChunk = 4 << 10

// ReadByte gives the decoder one byte.
func (s *recorder) ReadByte() (byte, error) {
	if s.pos == len(s.buf) {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	c := s.buf[s.pos]
	s.pos++
	return c, nil
}

// Read is there for io.Reader only: the decoder prefers ReadByte.
func (s *recorder) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := s.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}

func (s *recorder) fill() error {
	if s.err != nil {
		return s.err
	}
	if s.pos >= MaxStanza {
		s.err = stream.PolicyViolation
		return s.err
	}
	n := len(s.buf)
	if cap(s.buf)-n < readChunk {
		grown := make([]byte, n, 2*cap(s.buf)+readChunk)
		copy(grown, s.buf)
		s.buf = grown
	}
	for tries := 0; ; tries++ {
		m, err := s.r.Read(s.buf[n : n+readChunk])
		s.buf = s.buf[:n+m]
		if m > 0 {
			return nil
		}
		if err == nil && tries > 100 {
			err = io.ErrNoProgress
		}
		if err != nil {
			s.err = err
			return err
		}
	}
}

// drop forgets the first n bytes, which have been read. What is left of a
// reading moves to the front; a buffer that a large stanza grew is given back.
func (s *recorder) drop(n int) {
	rest := s.buf[n:]
	if cap(s.buf) > 16*readChunk && len(rest) < readChunk {
		s.buf = make([]byte, 0, readChunk)
	}
	s.buf = append(s.buf[:0], rest...)
	s.pos -= n
}
