package federationapi

import (
	"time"
)

// SetClock has the key ring and the limits go by another clock.
func (s *Server) SetClock(now func() time.Time) {
	s.keys.now, s.keys.clock, s.auth.now = now, now, now
}

// AwaitKeys waits for the keys that are being fetched.
func (s *Server) AwaitKeys() { s.keys.flights.running.Wait() }

// InLine tells how many transactions wait for others of their origins.
func (s *Server) InLine() int {
	s.turns.mu.Lock()
	defer s.turns.mu.Unlock()
	return s.turns.waiting
}

// MaxBody is the size up to which a signed request is read.
const MaxBody = bodyLimit
