package todevice

import (
	"encoding/json"
	"time"
)

// AccountData is what a user keeps on the server under one type, for all their
// clients.
//
// https://spec.matrix.org/v1.15/client-server-api/#client-config
type AccountData struct {
	Type    string
	Content json.RawMessage
}

// PushRulesType is the type of the account data that holds a user's push rules.
// There is none until the user changes a rule.
//
// https://spec.matrix.org/v1.15/client-server-api/#mpush_rules
const PushRulesType = "m.push_rules"

// A PresenceState is one of the words for how present a user is.
type PresenceState string

const (
	Online      PresenceState = "online"
	Offline     PresenceState = "offline"
	Unavailable PresenceState = "unavailable"
)

// Presence is what a user's clients said last of how present the user is.
//
// https://spec.matrix.org/v1.15/client-server-api/#presence
type Presence struct {
	State     PresenceState
	StatusMsg string // "" where there is none
	// Since is when they first said so; zero where they never said anything.
	Since time.Time
}

// A Pusher says where and how a user wants to hear of messages while no client is
// running. AppID and PushKey together tell it from the user's others.
//
// https://spec.matrix.org/v1.15/client-server-api/#push-notifications
type Pusher struct {
	AppID, PushKey string
	JSON           json.RawMessage // as clients are shown it
}
