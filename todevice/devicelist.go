package todevice

import "encoding/json"

// A DeviceListUpdate is what another server tells of one device of one of its users.
//
// https://spec.matrix.org/v1.15/server-server-api/#definition-mdevice_list_update
type DeviceListUpdate struct {
	User     UserID
	DeviceID string
	// StreamID numbers the states of the user's list; it grows.
	StreamID int64
	// PrevIDs are the stream IDs of the updates before this one, empty where the
	// server knows of none.
	PrevIDs []int64
	Deleted bool
	// Keys are nil where the device has none.
	Keys        json.RawMessage
	DisplayName string // "" where the device has none
}

// A SigningKeyUpdate is what another server tells of the cross-signing keys of one
// of its users.
//
// https://spec.matrix.org/v1.15/server-server-api/#definition-msigning_key_update
type SigningKeyUpdate struct {
	User                UserID
	Master, SelfSigning json.RawMessage // nil where nothing is said of it
}

// A StaleUser is a user of another server whose device list is not complete.
type StaleUser struct {
	User UserID
	// Mark tells this staleness from a later one.
	Mark int64
}
