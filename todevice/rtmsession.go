package todevice

import "time"

// An RTMSession is what outlives a restart of a user's session with the client SDK of RTM.
type RTMSession struct {
	Device Device
	App    string
	UID    string
	// SID is the name that the client gave the session. It keeps it through reconnects.
	SID string
	// TokenUntil is when the token that was shown or renewed last is over; zero for an app
	// without tokens.
	TokenUntil time.Time
}
