package todevice

import "time"

// A Channel names a channel of an RTM app.
type Channel struct{ App, Name string }

// A ChannelGuest is a Matrix user in a channel without a session.
type ChannelGuest struct {
	Channel Channel
	User    UserID
}

// A ChannelGuestChange notes that a guest is in a channel, and was heard of now; or, where
// Left is true, that it is not.
type ChannelGuestChange struct {
	ChannelGuest
	Left bool
}

// A ChannelAttribute is what is kept of a channel under a key.
type ChannelAttribute struct {
	Key, Value string
	// UID is who set it last, "" if that user is no more.
	UID string
	At  time.Time
}

// A ChannelAttributeChange changes what is kept of a channel.
type ChannelAttributeChange struct {
	Channel Channel
	// UID is who changes it, and Localpart the user who that is.
	UID, Localpart string
	// Clear removes everything first, Delete what is under these keys.
	Clear  bool
	Delete []string
	Set    map[string]string
	// MaxBytes is how much there may be afterwards, keys and values together.
	MaxBytes int
}
