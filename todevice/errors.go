package todevice

import (
	"encoding/json"
	"errors"
)

// What a caller of storage must tell apart.
var (
	// ErrUnknownDevice: the device does not exist, or no longer.
	ErrUnknownDevice = errors.New("unknown device")
	// ErrKeyReused: the key of an RTM request was given to one that asks for something
	// else. Nothing was done.
	ErrKeyReused = errors.New("the key of the request was used for another")
	// ErrUnknownUser: no local user has this name.
	ErrUnknownUser = errors.New("unknown user")
	// ErrUserExists: the name is taken, or once was.
	ErrUserExists = errors.New("user exists")
	// ErrUserDeactivated: there was a user of this name, and will be none.
	ErrUserDeactivated = errors.New("the user is deactivated")
	// ErrNoData: the user keeps nothing under this name.
	ErrNoData = errors.New("nothing of this name is kept")
	// ErrTooMuchData: the user keeps as many things of this kind as one user may.
	ErrTooMuchData = errors.New("the user keeps too much")
	// ErrUnknownToken: no device holds this access token.
	ErrUnknownToken = errors.New("unknown access token")
	// ErrExpiredToken: a device held this access token, and can have another for its
	// refresh token.
	ErrExpiredToken = errors.New("the access token has expired")
	// ErrRegistrationToken: the registration token is unknown, used up or expired.
	ErrRegistrationToken = errors.New("the registration token is not valid")
	// ErrTokenExists: there is a registration token of these letters.
	ErrTokenExists = errors.New("the token exists")
	// ErrTooManyKeys: the device would hold more one-time or fallback keys than it may.
	ErrTooManyKeys = errors.New("too many one-time or fallback keys")
	// ErrKeysChanged: the keys are not those any more that the change was to replace.
	ErrKeysChanged = errors.New("the keys have changed meanwhile")
	// ErrNameInUse: a device and a cross-signing key of one user would have one name.
	ErrNameInUse = errors.New("a device and a cross-signing key would have one name")
	// ErrInboxFull: an inbox among the recipients holds as much as it may. The
	// batch was refused whole.
	ErrInboxFull = errors.New("the inbox of a recipient is full")
	// ErrTooManyDevices: the user has as many devices as there may be.
	ErrTooManyDevices = errors.New("too many devices of the user")
	// ErrUnknownBackup: the user has no key backup of this version.
	ErrUnknownBackup = errors.New("unknown key backup")
	// ErrBackupFull: the user's key backups hold as much as they may.
	ErrBackupFull = errors.New("the key backups of the user are full")
	// ErrBackupAlgorithm: a backup's algorithm cannot be changed.
	ErrBackupAlgorithm = errors.New("another algorithm than the key backup's")
	// ErrContentTooLarge: a content is over MaxContent bytes of canonical JSON.
	ErrContentTooLarge = errors.New("content over 65536 bytes")
	// ErrContentNotCanonical: a content cannot be written as canonical JSON, and so
	// could not be signed for another server.
	ErrContentNotCanonical = errors.New("content is not canonical JSON")
)

// A KeyConflictError refuses an upload: under the name of one of its one-time keys
// the device has uploaded another key. The keys are for the client; Error does not
// show them.
type KeyConflictError struct {
	Name     string // algorithm:id
	Old, New json.RawMessage
}

func (e *KeyConflictError) Error() string { return "one-time key exists" }

// MaxContent is the largest content a message may have, in bytes of canonical
// JSON. The specification names no limit; other servers hold this one.
const MaxContent = 65536
