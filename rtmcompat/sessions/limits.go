package sessions

import (
	"time"

	"github.com/chappe-im/chappe/internal/ratelimit"
)

// A deed is something a client may do only so often.
type deed int

const (
	sending deed = iota
	listing
	counting
	querying
	subscribing
	writingUser
	readingUser
	writingChannel
	readingChannel
	renewing
	joiningElsewhere
	deeds // their number
)

// limits are what the vendors let one client do.
var limits = [deeds]ratelimit.Limit{
	sending:        {PerSecond: 60, Burst: 180},
	listing:        {PerSecond: 2.5, Burst: 5},
	counting:       {PerSecond: 1, Burst: 1},
	querying:       {PerSecond: 2, Burst: 10},
	subscribing:    {PerSecond: 2, Burst: 10},
	writingUser:    {PerSecond: 2, Burst: 10},
	readingUser:    {PerSecond: 8, Burst: 40},
	writingChannel: {PerSecond: 2, Burst: 10},
	readingChannel: {PerSecond: 2, Burst: 10},
	renewing:       {PerSecond: 2, Burst: 2},
	// The channels here have limits of their own.
	joiningElsewhere: {PerSecond: 50.0 / 3, Burst: 50},
}

// frameLimit is how many frames of a client are read, acknowledgements apart.
var frameLimit = ratelimit.Limit{PerSecond: 200, Burst: 1000}

// usage is what a client has done of late.
type usage [deeds]ratelimit.Bucket

// may tells whether the client may do something now, and counts it then.
func (ss *session) may(d deed) bool {
	if !ss.server.limited {
		return true
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.done[d].Take(limits[d], time.Now()) == 0
}
