package exttest

import (
	"context"
	"errors"
	"fmt"

	"github.com/tpush/tpush/component/xmpp"
)

// Wait waits until n connections of the domain are up.
func (s *Server) Wait(ctx context.Context, domain string, n int) error {
	for {
		s.mu.Lock()
		have, changed := len(s.conns[domain]), s.changed
		s.mu.Unlock()
		if have == n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d connections of %s, want %d: %w", have, domain, n, ctx.Err())
		}
	}
}

// Request sends a request to the component that its to address belongs to and
// waits for the answer.
func (s *Server) Request(ctx context.Context, domain string, q *xmpp.IQ) (*xmpp.Element, error) {
	ch := make(chan *xmpp.Element, 1)
	key := q.ID + " " + q.From
	s.mu.Lock()
	s.waiting[key] = ch
	s.mu.Unlock()
	if err := s.Send(domain, q); err != nil {
		return nil, err
	}
	select {
	case e := <-ch:
		return e, nil
	case <-ctx.Done():
		s.mu.Lock()
		delete(s.waiting, key)
		s.mu.Unlock()
		return nil, fmt.Errorf("wait for the answer to %s: %w", q.ID, ctx.Err())
	}
}

// Send writes a stanza to a component of the domain.
func (s *Server) Send(domain string, st xmpp.Stanza) error {
	s.mu.Lock()
	list := s.conns[domain]
	s.mu.Unlock()
	for _, c := range list {
		if c.Write(st) == nil {
			return nil
		}
	}
	return fmt.Errorf("no component %s is connected", domain)
}

// SendRaw writes bytes to the first component of the domain.
func (s *Server) SendRaw(domain, text string) error {
	s.mu.Lock()
	list := s.conns[domain]
	s.mu.Unlock()
	if len(list) == 0 {
		return fmt.Errorf("no component %s is connected", domain)
	}
	return list[0].WriteRaw([]byte(text))
}

// Next returns the next stanza that a component sent unasked.
func (s *Server) Next(ctx context.Context) (*xmpp.Element, error) {
	select {
	case e := <-s.unasked:
		return e, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a stanza: %w", ctx.Err())
	}
}

// Connects returns how many connections were established since the start.
func (s *Server) Connects() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reached
}

// Echoed returns how many requests of components to themselves came back to
// them since the start.
func (s *Server) Echoed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.echoed
}

// Faults returns what real servers would have refused, nil when there was
// nothing.
func (s *Server) Faults() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.faults...)
}
