package todevice

import "time"

// An RTMRecord is a message of the RTM API that is kept for its app's history.
type RTMRecord struct {
	App    string
	Source UserID
	// Of To and Channel one is set: the receiver of a peer message, or the channel of a
	// channel message.
	To      UserID
	Channel string
	Payload string
	// At is when the server received it, to the millisecond.
	At time.Time
}

// An RTMQuery says which messages of an app's history are asked for.
type RTMQuery struct {
	App string
	// Source is the sender, the zero UserID for any.
	Source UserID
	// To and Channel are the receivers that are meant, of peer and of channel messages.
	// Where both are set either will do; where neither is, any does of a Source.
	To      UserID
	Channel string
	// From and Until are the first and the last instant that count.
	From, Until time.Time
}

// An RTMPage is a part of what an RTMQuery finds, in the order of time.
type RTMPage struct {
	// Descending has the newest first.
	Descending    bool
	Offset, Limit int
}
