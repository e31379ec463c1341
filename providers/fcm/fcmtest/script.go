package fcmtest

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Script says what to answer to messages to a token; to the empty one: to all
// that no other script is for.
func (s *Server) Script(token string, a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script[token] = &a
}

// ScriptTokens says what the token endpoint answers; the zero Answer is to
// issue tokens to who may have them.
func (s *Server) ScriptTokens(a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.oauth = a
}

// TokenLife is how long tokens are good that are issued from now on; at first an
// hour.
func (s *Server) TokenLife(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.life = d
}

// RevokeTokens makes all tokens invalid that were issued so far.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.issued)
}

// Tokens is how many tokens were issued.
func (s *Server) Tokens() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens
}

// Forget keeps no more messages, for runs of many.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget = true
}

// Messages returns all messages so far.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Next returns the next message that Next has not returned yet, and waits for
// it.
func (s *Server) Next(ctx context.Context) (Message, error) {
	for {
		s.mu.Lock()
		changed := s.changed
		if s.read < len(s.messages) {
			m := s.messages[s.read]
			s.read++
			s.mu.Unlock()
			return m, nil
		}
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return Message{}, fmt.Errorf("wait for a message: %w", ctx.Err())
		}
	}
}

// Watch calls f for each message, before it is answered and for many at a time.
func (s *Server) Watch(f func(Message)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch = f
}

func (s *Server) record(m Message) {
	s.mu.Lock()
	watch := s.watch
	s.mu.Unlock()
	if watch != nil {
		watch(m)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.forget {
		s.messages = append(s.messages, m)
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Server) scripted(token string) *Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.script[token]
	if a == nil {
		token = ""
		a = s.script[token]
	}
	if a == nil {
		return nil
	}
	if a.Times > 0 {
		if a.Times--; a.Times == 0 {
			delete(s.script, token)
		}
	}
	once := *a
	return &once
}
