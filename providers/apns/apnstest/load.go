package apnstest

import "maps"

// Load says how a simulator that is to take very many pushes behaves.
type Load struct {
	// Every refuses one push of so many with Answer; 0: none.
	Every  int
	Answer Answer
	// CountOnly keeps only how many pushes there were, not the pushes.
	CountOnly bool
}

// SetLoad prepares the simulator for very many pushes.
func (s *Server) SetLoad(l Load) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.load = l
}

// Counts returns how many pushes were answered with each status.
func (s *Server) Counts() map[int]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}

// Taken returns how many good pushes have come, those that are not answered yet
// included.
func (s *Server) Taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

// Watch calls f for each push, before it is answered and for many at a time.
func (s *Server) Watch(f func(Push)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch = f
}
