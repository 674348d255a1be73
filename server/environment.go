package server

import (
	"net/http"
	"time"
)

// An Environment is what a server stands on. The zero value is the real one; tests
// that let the network, the disk or chance misbehave put their own in its place.
type Environment struct {
	// Driver names the database/sql driver for SQLite files, "" for the real one.
	Driver string
	// Transport carries requests to other servers, addressed by their names; nil
	// stands for connections to where their names lead.
	Transport http.RoundTripper
	// Now tells the time of day, time.Now if it is nil. What takes a while is measured
	// by the real clock in any case.
	Now func() time.Time
	// Chance gives numbers from 0 to 1 for the back-off of a server, "" for any; nil
	// stands for random ones.
	Chance func() float64
}
