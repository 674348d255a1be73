package federationapi

import (
	"context"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

// Store is what the server needs of storage.
type Store interface {
	KeyStore
	UserStore
}

// UserStore has what other servers may ask about local users.
type UserStore interface {
	// QueryKeys gives the keys of users by localpart, as viewer may see them: the zero
	// viewer is another server.
	QueryKeys(ctx context.Context, viewer todevice.UserID, queries []todevice.KeyQuery) (map[string]todevice.UserKeys, error)
	// ClaimKeys gives no one-time key out twice.
	ClaimKeys(context.Context, []todevice.KeyClaim) ([]todevice.ClaimedKey, error)
	DeviceList(ctx context.Context, localpart string) (todevice.UserKeys, error)
	// NoteRemoteInterest remembers who is to hear of changes.
	NoteRemoteInterest(ctx context.Context, server spec.ServerName, localparts []string) error
	Profile(ctx context.Context, localpart string) (todevice.Profile, error)
	OpenIDUser(ctx context.Context, token string) (todevice.UserID, error)
}

// Notifier has the open /sync of a device look at what is new.
type Notifier interface {
	Wake(...todevice.InboxID)
}
