package todevice

import (
	"crypto/ed25519"
	"encoding/json"
	"time"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"
)

// A Destination is another server for which EDUs wait, and how trying it went.
type Destination struct {
	Server spec.ServerName
	// Failures counts the attempts since the last success, 0 where there was none.
	Failures int
	// RetryAt is the time before which the server is left alone; zero where it may
	// be tried at once.
	RetryAt time.Time
}

// A Transaction is what one PUT /send carries. Its composition is recorded before
// it is first sent: until the destination has confirmed it, the same transaction
// is given again, also after a crash, and yields the same bytes.
//
// https://spec.matrix.org/v1.15/server-server-api/#transactions
type Transaction struct {
	Destination spec.ServerName
	ID          string
	// Created is the origin_server_ts, to the millisecond.
	Created time.Time
	// EDUs are the messages to devices in the order in which they were accepted, and
	// behind them what tells of keys and devices.
	EDUs []json.RawMessage
	// Refusals counts how often the destination has refused this transaction for what
	// is in it.
	Refusals int
	// Reduced is true while the destination is given small transactions, since it
	// refused a larger one.
	Reduced bool
}

// DeadLetters tells of the EDUs that a server has refused for good.
type DeadLetters struct {
	Count int
	// Oldest is when the first of them was given up; zero where there are none.
	Oldest time.Time
	// LastReason is the answer to the last of them, in words.
	LastReason string
}

// A ServerKey is a signing key of another server, as last fetched from it.
type ServerKey struct {
	Server spec.ServerName
	ID     gomatrixserverlib.KeyID
	Public ed25519.PublicKey
	// ValidUntil is when the key must be fetched again; requests signed with it
	// are refused from then on.
	ValidUntil time.Time
	Fetched    time.Time
	// Old is set if the server has listed the key in old_verify_keys: what it signed
	// once holds, and no request may be signed with it any more.
	Old bool
}
