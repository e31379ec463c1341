package xmpp

import (
	"context"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mellium.im/xmpp/stream"
)

const (
	handshakeTimeout = 15 * time.Second
	maxEarly         = 1000
)

// ErrWrongSecret means that the server closed right after our handshake
// without a word, which is how Tigase refuses a secret.
var ErrWrongSecret = errors.New("the server refused the handshake: wrong secret")

// ErrNoStream means that the server did not begin a stream: it closed, kept
// silent or sent something else.
var ErrNoStream = errors.New("no XMPP stream came")

// Stream is one XEP-0114 stream. One goroutine reads it; any number may write.
type Stream struct {
	// Header is the peer's.
	Header Header

	conn  net.Conn
	r     *reader
	w     *writer
	early []*Element // came before the handshake's end

	stopped atomic.Bool
	ended   sync.Once
}

func newStream(conn net.Conn) *Stream {
	return &Stream{conn: conn, r: newReader(conn), w: newWriter(conn)}
}

// Connect opens a stream as the component: header, handshake, answer. Stanzas
// that come before the answer are kept for Read; Tigase sends some. On an error
// the connection is closed; the error is a [stream.Error] when the server told
// its reason, [ErrWrongSecret] when it closed without one.
func Connect(ctx context.Context, conn net.Conn, domain, secret string) (*Stream, error) {
	s := newStream(conn)
	stop := s.deadline(ctx)
	defer stop()
	err := s.handshake(domain, secret)
	if err != nil {
		s.abort(err)
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	if !stop() {
		conn.Close()
		return nil, ctx.Err()
	}
	// A connection that takes no deadline fails at its next use.
	_ = conn.SetDeadline(time.Time{})
	return s, nil
}

// deadline bounds the dialogue before the stream works, and lets ctx end it.
func (s *Stream) deadline(ctx context.Context) (stop func() bool) {
	// A connection that takes no deadline fails at its first use anyway.
	_ = s.conn.SetDeadline(time.Now().Add(handshakeTimeout))
	return context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(time.Now()) })
}

func (s *Stream) handshake(domain, secret string) error {
	err := s.w.write(func(b []byte) []byte {
		b = append(b, "<?xml version='1.0'?><stream:stream xmlns='"+NSAccept+"' xmlns:stream='"+NSStream+"'"...)
		b = appendAttr(b, "to", domain)
		return append(b, '>')
	})
	if err != nil {
		return fmt.Errorf("write stream header: %w", err)
	}
	if s.Header, err = s.r.header(); err != nil {
		return fmt.Errorf("%w: read stream header: %w", ErrNoStream, unexpected(err))
	}
	if s.Header.ID == "" {
		// Tigase and Prosody: a header without id comes before a stream error.
		if _, err = s.read(); err == nil {
			err = errors.New("the server's stream header has no id")
		}
		return err
	}
	err = s.w.write(func(b []byte) []byte {
		return append(b, "<handshake>"+Digest(s.Header.ID, secret)+"</handshake>"...)
	})
	if err != nil {
		return fmt.Errorf("write handshake: %w", err)
	}
	return s.accepted()
}

// accepted waits for the answer to the handshake.
func (s *Stream) accepted() error {
	for {
		e, err := s.read()
		switch {
		case closedSilently(err):
			return fmt.Errorf("%w (%w)", ErrWrongSecret, err)
		case err != nil:
			return fmt.Errorf("wait for the handshake's answer: %w", err)
		case e.Name.Local == "handshake":
			return nil
		case len(s.early) == maxEarly:
			return errors.New("too many stanzas before the handshake's answer")
		}
		s.early = append(s.early, e)
	}
}

// closedSilently reports whether the peer ended the connection without a
// stream error. A reset counts: it is what a close looks like when data of ours
// was still unread.
func closedSilently(err error) bool {
	if err == nil {
		return false
	}
	if _, told := errors.AsType[stream.Error](err); told {
		return false
	}
	if _, network := errors.AsType[net.Error](err); network {
		return strings.Contains(err.Error(), "connection reset")
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// Digest is the handshake's text: lower-case hex SHA-1 of the stream's id and
// the secret (XEP-0114 section 3). Tigase and ejabberd refuse upper case.
func Digest(id, secret string) string {
	sum := sha1.Sum([]byte(id + secret))
	return hex.EncodeToString(sum[:])
}

// Accept opens a stream as the server: it answers the component's header,
// checks its handshake against the secret of the domain, and answers it.
func Accept(ctx context.Context, conn net.Conn, id string, secret func(domain string) (string, bool)) (*Stream, error) {
	s := newStream(conn)
	stop := s.deadline(ctx)
	defer stop()
	if err := s.accept(id, secret); err != nil {
		s.abort(err)
		return nil, err
	}
	if !stop() {
		conn.Close()
		return nil, ctx.Err()
	}
	// A connection that takes no deadline fails at its next use.
	_ = conn.SetDeadline(time.Time{})
	return s, nil
}

func (s *Stream) accept(id string, secret func(string) (string, bool)) error {
	var err error
	if s.Header, err = s.r.header(); err != nil {
		return fmt.Errorf("read stream header: %w", err)
	}
	want, known := secret(s.Header.To)
	err = s.w.write(func(b []byte) []byte {
		b = append(b, "<?xml version='1.0'?><stream:stream xmlns='"+NSAccept+"' xmlns:stream='"+NSStream+"'"...)
		b = appendAttr(b, "from", s.Header.To)
		if known {
			b = appendAttr(b, "id", id)
		}
		return append(b, '>')
	})
	if err != nil {
		return fmt.Errorf("write stream header: %w", err)
	}
	if !known {
		return stream.HostUnknown
	}
	e, err := s.read()
	if err != nil {
		return fmt.Errorf("read handshake: %w", err)
	}
	given := strings.TrimSpace(e.Text)
	if e.Name.Local != "handshake" || subtle.ConstantTimeCompare([]byte(given), []byte(Digest(id, want))) != 1 {
		return stream.NotAuthorized
	}
	return s.w.write(func(b []byte) []byte { return append(b, "<handshake/>"...) })
}

// Read returns the next element. After an error the stream is closed. The error
// is io.EOF when the peer ended the stream, a [stream.Error] when it told why
// or when what it sent was refused; the peer is then told the same.
func (s *Stream) Read() (*Element, error) {
	if len(s.early) > 0 {
		e := s.early[0]
		s.early = s.early[1:]
		return e, nil
	}
	e, err := s.read()
	switch {
	case err == nil:
		return e, nil
	case s.stopped.Load():
		return nil, ErrStopped
	}
	s.abort(err)
	return nil, err
}

// ErrStopped is returned by Read after StopReading.
var ErrStopped = errors.New("reading was stopped")

// lastReads is how long a stream that stops reading still takes what has come
// already: a server that has sent a stanza counts on it.
const lastReads = 50 * time.Millisecond

// StopReading makes Read return [ErrStopped] once what has come already is read,
// and leaves the stream open for writing: answers under way can still go out.
func (s *Stream) StopReading() {
	s.stopped.Store(true)
	// A connection that takes no deadline is broken, and Read has returned.
	_ = s.conn.SetReadDeadline(time.Now().Add(lastReads))
}

// peerError is a stream error that came from the peer, to tell it from one that
// is to be sent.
type peerError struct{ cause stream.Error }

// Error names the condition and gives the peer's text.
func (e peerError) Error() string {
	s := "stream error " + e.cause.Err
	for _, t := range e.cause.Text {
		s += ": " + t.Value
	}
	return s
}

// Unwrap makes the condition visible to errors.Is and errors.As.
func (e peerError) Unwrap() error { return e.cause }

func (s *Stream) read() (*Element, error) {
	e, err := s.r.next()
	if err != nil {
		return nil, err
	}
	if e.Name.Space != NSStream || e.Name.Local != "error" {
		return e, nil
	}
	var se stream.Error
	doc := "<error xmlns='" + NSStream + "'>" + string(e.Payload) + "</error>"
	if err := xml.Unmarshal([]byte(doc), &se); err != nil || se.Err == "" {
		se.Err = "undefined-condition"
	}
	return nil, peerError{se}
}

// Write writes a stanza. It blocks while the peer takes nothing; an error means
// that the stream is broken and nobody knows what the peer still read.
func (s *Stream) Write(st Stanza) error {
	_, err := s.w.stanza(st)
	return err
}

// Gather makes writes begin at least d after each other while there is a crowd: what
// is written more often goes out together, up to d later. To write each answer by
// itself costs more than to make it. An error is then told to the next who writes.
// crowd is called at each write and must not write itself.
func (s *Stream) Gather(d time.Duration, crowd func() bool) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.w.gather, s.w.crowd = d, crowd
}

// WriteRaw is Write for the text of stanzas.
func (s *Stream) WriteRaw(stanzas []byte) error { return s.Write(raw(stanzas)) }

// Take writes a stanza like Write, and reports whether it is taken: written, or
// left in Unsent by a stream that breaks at that moment.
func (s *Stream) Take(st Stanza) bool {
	taken, _ := s.w.stanza(st)
	return taken
}

// TakeRaw is Take for stanzas that another stream could not write (see Unsent).
func (s *Stream) TakeRaw(stanzas []byte) bool { return s.Take(raw(stanzas)) }

// raw are stanzas as they were written.
type raw []byte

// Sender implements [Stanza]; nobody asks for it.
func (raw) Sender() string { return "" }

// Append implements [Stanza].
func (r raw) Append(b []byte) []byte { return append(b, r...) }

// Unsent returns the stanzas that a broken or closed stream did not write. The
// peer may have read some of them: only answers, which servers ignore when they
// come twice, are to be written again.
func (s *Stream) Unsent() []byte { return s.w.unsent() }

// Close ends the stream and the connection at once: a half-closed stream is a
// black hole, because Tigase goes on routing to it. Further calls do nothing.
func (s *Stream) Close() { s.end("</stream:stream>") }

// CloseWith tells the peer a stream error and closes like Close.
func (s *Stream) CloseWith(e stream.Error) { s.abort(e) }

// end writes a last text and closes the connection.
func (s *Stream) end(last string) {
	s.ended.Do(func() {
		s.w.close(last)
		// Nothing is left that an error could concern.
		_ = s.conn.Close()
	})
}

// abort ends the stream after an error; an error of ours is told to the peer.
func (s *Stream) abort(err error) {
	var told peerError
	var se stream.Error
	last := ""
	if errors.As(err, &se) && !errors.As(err, &told) {
		last = "<stream:error><" + se.Err + " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
	} else if errors.Is(err, io.EOF) {
		last = "</stream:stream>"
	}
	s.end(last)
}
