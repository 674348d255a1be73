package federationapi

import (
	"time"
)

// SetClock has the key ring go by another clock.
func (s *Server) SetClock(now func() time.Time) { s.keys.now = now }

// AwaitKeys waits for the keys that are being fetched.
func (s *Server) AwaitKeys() { s.keys.running.Wait() }

// MaxBody is the size up to which a signed request is read.
const MaxBody = bodyLimit
