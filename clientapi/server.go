package clientapi

import (
	"context"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/clientapi/passwords"
	"github.com/chappe-im/chappe/clientapi/uia"
	"github.com/chappe-im/chappe/internal/expiring"
	"github.com/chappe-im/chappe/todevice"
)

// Config is what the operator decides about this door.
type Config struct {
	// ServerName is the part of every local user ID after the colon.
	ServerName spec.ServerName
	// BaseURL is where clients reach this server, "" where that is not announced.
	BaseURL string
	// OpenRegistration lets anyone make an account.
	OpenRegistration bool
	// SharedSecret lets whoever knows it make accounts; "" switches that off.
	SharedSecret string
	// ReservedPrefixes begin the localparts that no client may register: they
	// belong to RTM apps. An empty prefix reserves nothing.
	ReservedPrefixes []string
	// PasswordCost is bcrypt's cost, 0 for bcrypt's own default.
	PasswordCost int
}

// Store is what this door needs of storage. What its methods return is defined
// by the errors of package todevice.
type Store interface {
	CreateUser(context.Context, todevice.Account) error
	// Register makes the user and the first device in one transaction.
	Register(context.Context, todevice.Account, todevice.Login) (todevice.Device, error)
	Account(ctx context.Context, localpart string) (todevice.Account, error)
	// Login makes the device, or keeps the one of that name and ends its tokens.
	Login(ctx context.Context, localpart string, login todevice.Login) (todevice.Device, error)
	Session(ctx context.Context, token string) (todevice.Device, error)
	Devices(ctx context.Context, localpart string) ([]todevice.DeviceInfo, error)
	DeleteDevice(context.Context, todevice.InboxID) error
	DeleteDevices(ctx context.Context, localpart string) ([]todevice.InboxID, error)
	RenameDevice(ctx context.Context, localpart, deviceID, displayName string) error

	// UploadKeys keeps all of the upload or nothing.
	UploadKeys(context.Context, todevice.InboxID, todevice.KeyUpload) (todevice.KeyCounts, error)
	KeyCounts(context.Context, todevice.InboxID) (todevice.KeyCounts, error)
	// ClaimKeys gives no one-time key out twice.
	ClaimKeys(context.Context, []todevice.KeyClaim) ([]todevice.ClaimedKey, error)
	// QueryKeys gives the keys of local users by localpart, as viewer may see them.
	QueryKeys(ctx context.Context, viewer todevice.UserID, queries []todevice.KeyQuery) (map[string]todevice.UserKeys, error)
	// NoteInterest remembers that a local user asked for keys of others.
	NoteInterest(ctx context.Context, localpart string, in []todevice.UserID) error
	// Head is the position of the latest change.
	Head() todevice.Position
	// SawRemoteKeys keeps what other servers answered to a query for all devices of
	// users, unless it changed by their own word after asked.
	SawRemoteKeys(ctx context.Context, asked todevice.Position, lists map[todevice.UserID]todevice.RemoteDeviceList) error
	// RemoteDeviceList gives what is known of the devices of a user of another server.
	RemoteDeviceList(ctx context.Context, user todevice.UserID) (list todevice.RemoteDeviceList, complete bool, err error)
	// SignaturesBy gives a user's signatures on keys of others: by user ID, and then by
	// device ID or public key.
	SignaturesBy(ctx context.Context, signer todevice.UserID) (map[string]map[string]todevice.Signatures, error)

	Profile(ctx context.Context, localpart string) (todevice.Profile, error)
	SetProfile(ctx context.Context, localpart string, change todevice.ProfileChange) error
	MakeOpenIDToken(ctx context.Context, localpart, token string, expires time.Time) error
}

// Sender takes a batch in. When it returns without an error, the batch is
// durable.
type Sender interface {
	Send(context.Context, todevice.Batch) (todevice.Accepted, error)
}

// Notifier has the open /sync of a device look at what is new: that the device is
// no more, or that its keys run out.
type Notifier interface {
	Wake(...todevice.InboxID)
}

// Server answers the client-server endpoints.
type Server struct {
	config        Config
	store         Store
	sender        Sender
	notifier      Notifier
	remote        Remote
	passwords     passwords.Hasher
	registrations *uia.Sessions[registering]
	nonces        *expiring.Map[struct{}]
	log           *logrus.Entry
}

// New makes a Server. It starts nothing and has nothing to close.
func New(config Config, store Store, sender Sender, notifier Notifier, remote Remote, log *logrus.Entry) *Server {
	return &Server{
		config:        config,
		store:         store,
		sender:        sender,
		notifier:      notifier,
		remote:        remote,
		passwords:     passwords.New(config.PasswordCost),
		registrations: uia.NewSessions[registering](),
		nonces:        expiring.New[struct{}](maxNonces, nonceLifetime),
		log:           log,
	}
}
