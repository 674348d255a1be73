package todevice

import (
	"encoding/json"
	"maps"
	"slices"
)

// A KeyUpload is what a device publishes of its end-to-end keys in one request.
//
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3keysupload
type KeyUpload struct {
	// DeviceKeys is the device's identity, nil where the request says nothing of it.
	DeviceKeys json.RawMessage
	// OneTimeKeys are given out in this order, after those of earlier uploads.
	OneTimeKeys []OneTimeKey
	// FallbackKeys holds at most one for each algorithm. It replaces the former.
	FallbackKeys []OneTimeKey
}

// A OneTimeKey is a key for the first message of one session; a fallback key has
// the same form. Among the keys of a device its name is Algorithm:ID.
type OneTimeKey struct {
	Algorithm, ID string
	// Key is an object with signatures, or a bare string.
	Key json.RawMessage
}

// Name gives "algorithm:id".
func (k OneTimeKey) Name() string { return k.Algorithm + ":" + k.ID }

// KeyCounts says what is left of the keys a device uploaded.
type KeyCounts struct {
	// OneTimeKeys counts the unclaimed keys by algorithm, fallback keys not among
	// them. SignedCurve25519 is always there: clients take its absence for many things.
	OneTimeKeys map[string]int
	// UnusedFallbackKeys lists the algorithms whose fallback key was never given out.
	UnusedFallbackKeys []string
}

// Equal tells whether the same is left.
func (k KeyCounts) Equal(other KeyCounts) bool {
	return maps.Equal(k.OneTimeKeys, other.OneTimeKeys) && slices.Equal(k.UnusedFallbackKeys, other.UnusedFallbackKeys)
}

// What one request may ask for of the keys of users, and what a device may offer to
// be claimed. Clients do with a tenth of it.
const (
	MaxKeyUsers     = 1000
	MaxKeyDevices   = 10_000
	MaxOneTimeKeys  = 1000
	MaxFallbackKeys = 10 // of different algorithms
)

// SignedCurve25519 is the algorithm of one-time keys that every client uses.
const SignedCurve25519 = "signed_curve25519"

// A KeyClaim asks for one key of a local user's device.
type KeyClaim struct {
	Localpart, DeviceID, Algorithm string
}

// A ClaimedKey answers a claim: the key is nobody else's, unless it is the
// device's fallback key.
type ClaimedKey struct {
	KeyClaim
	OneTimeKey
	Inbox InboxID
	// Low is true if the device should hear of it: less than half of what it had
	// after its last upload is left, or its fallback key was used, and neither was so
	// before.
	Low bool
}

// A KeyQuery asks for the keys of a local user.
type KeyQuery struct {
	Localpart string
	// DeviceIDs are the devices asked for; none stands for all.
	DeviceIDs []string
}

// UserKeys is what one user or server may see of a local user's keys. The keys
// carry the signatures that may be seen, too.
type UserKeys struct {
	// StreamID is the position of the latest change of anything in here.
	StreamID Position
	// Devices are those that have keys, oldest first.
	Devices []DeviceKeys
	// The cross-signing keys, nil where there are none or they are not to be seen.
	CrossSigningKeys
}

// DeviceKeys are the identity keys of a device.
type DeviceKeys struct {
	DeviceID    string
	DisplayName string // "" where the device has none
	// Keys is the object as the device uploaded it, without unsigned.
	Keys json.RawMessage
}

// CrossSigningKeys are the keys by which a user vouches for devices and for other
// users; nil where there is none.
//
// https://spec.matrix.org/v1.15/client-server-api/#cross-signing
type CrossSigningKeys struct {
	Master, SelfSigning, UserSigning json.RawMessage
}

// A Signature is one that was made of a key after the key was uploaded.
type Signature struct {
	// Signer made it with the key named KeyID, "ed25519:" and the name of a device or
	// a public key.
	Signer UserID
	KeyID  string
	// Target is whose key is signed, and TargetKey which: a device ID, or the public
	// key of a cross-signing key.
	Target    UserID
	TargetKey string
	// Object is the key as it was signed. If another has its name by now, the signature
	// is good for nothing.
	Object json.RawMessage
	// Signature is base64.
	Signature string
}

// RemoteKeys is what another server says of the keys of its users. What it says of
// others is not in here.
type RemoteKeys struct {
	Devices             map[UserID]map[string]json.RawMessage // by device ID
	Master, SelfSigning map[UserID]json.RawMessage
}

// RemoteClaim holds the keys another server gave for its users: by user and device
// ID, each under its name, "algorithm:id".
type RemoteClaim map[UserID]map[string]map[string]json.RawMessage

// A RemoteDeviceList is what another server says of the devices of one of its
// users.
type RemoteDeviceList struct {
	// StreamID is the server's own number of this state of the list.
	StreamID            int64
	Devices             []DeviceKeys
	Master, SelfSigning json.RawMessage // nil where there is none
}
