package todevice

import (
	"encoding/json"
	"fmt"
)

// A BackupVersion numbers the key backups of one user. Versions only grow and are
// never reused. 0 stands for none.
type BackupVersion int64

// A Backup is what a user's devices have put away of their room keys, encrypted.
// Rooms are none of this server: their IDs are words of the client.
//
// https://spec.matrix.org/v1.15/client-server-api/#server-side-key-backups
type Backup struct {
	// ID tells this backup from every other there was, also from one that was emptied.
	ID        int64
	Version   BackupVersion
	Algorithm string
	AuthData  json.RawMessage
	BackupState
}

// A BackupState tells whether a backup has changed, and how many keys are in it.
type BackupState struct {
	// Etag grows when a key is added, replaced or deleted, and only then.
	Etag int64
	Keys int64
}

// A BackedUpKey is the key of one session, as a device has encrypted it.
type BackedUpKey struct {
	Room, Session     string
	FirstMessageIndex int64
	ForwardedCount    int64
	Verified          bool
	Data              json.RawMessage
}

// BetterThan tells whether this key is to be kept rather than one of the same
// session that is there already.
func (k BackedUpKey) BetterThan(old BackedUpKey) bool {
	switch {
	case k.Verified != old.Verified:
		return k.Verified
	case k.FirstMessageIndex != old.FirstMessageIndex:
		return k.FirstMessageIndex < old.FirstMessageIndex
	}
	return k.ForwardedCount < old.ForwardedCount
}

// A WrongBackupError refuses keys that are for another backup than the latest.
type WrongBackupError struct{ Latest BackupVersion }

func (e *WrongBackupError) Error() string {
	return fmt.Sprintf("not the latest key backup, which is %d", e.Latest)
}
