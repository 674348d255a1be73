package todevice

// A Position is a message's place in the order of everything this database has
// accepted. Positions only grow and are never reused, and a message is visible
// before any message with a higher position is: so "everything after p" has one
// meaning for ever.
type Position int64

// An InboxID is the number of one device's queue. A device that is deleted and
// made again under the same name gets another number, so that nothing meant for
// the old device can reach the new one. InboxIDs are never reused.
type InboxID int64

// A Device is one login of a local user.
type Device struct {
	User  UserID
	ID    string
	Inbox InboxID
}

// AllDevices stands, where a device ID is expected, for every device the user
// has at the moment of acceptance.
const AllDevices = "*"

// An Event is a message as it waits for a device.
type Event struct {
	Position Position
	// JSON is the object a /sync response lists under to_device.events: exactly
	// content, sender and type. It is made once and sent unchanged each time.
	JSON []byte
}

// A Delivery says in which inbox a message was placed, and where; or that it was given
// to the inbox's device without being stored.
type Delivery struct {
	Inbox    InboxID
	Position Position
	// Live is the number of a message that was not stored, 0 for one that was. Numbers
	// only grow, and mean something in one run of the program.
	Live uint64
}
