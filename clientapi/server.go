package clientapi

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/clientapi/limits"
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
	// OpenRegistration lets anyone make an account, not only who has a registration
	// token.
	OpenRegistration bool
	// SharedSecret lets whoever knows it make accounts; "" switches that off.
	SharedSecret string
	// ReservedPrefixes begin the localparts that no client may register: they
	// belong to RTM apps. An empty prefix reserves nothing. [Server.Reserve] replaces
	// them.
	ReservedPrefixes []string
	// TURN is the relay for calls.
	TURN TURN
	// PasswordCost is bcrypt's cost, 0 for bcrypt's own default.
	PasswordCost int
	// Limits bounds what clients may do in a time; nil limits nothing.
	Limits *limits.Limits
}

// Store is what this door needs of storage. What its methods return is defined
// by the errors of package todevice.
type Store interface {
	CreateUser(context.Context, todevice.Account) error
	AddRegistrationToken(context.Context, todevice.RegistrationToken) error
	RegistrationTokenValid(ctx context.Context, token string) (bool, error)
	AnyRegistrationTokenValid(context.Context) (bool, error)
	// Register makes the user and the first device in one transaction.
	Register(context.Context, todevice.Account, todevice.Login) (todevice.Device, error)
	Account(ctx context.Context, localpart string) (todevice.Account, error)
	// SetPassword gives the devices that ended with the old password.
	SetPassword(context.Context, todevice.PasswordChange) ([]todevice.InboxID, error)
	// Deactivate removes all of a user but the name, and gives the devices it had.
	Deactivate(ctx context.Context, localpart string) ([]todevice.InboxID, error)
	// Login makes the device, or keeps the one of that name and ends its tokens.
	Login(ctx context.Context, localpart string, login todevice.Login) (todevice.Device, error)
	// LoginByToken is Login, once, for who has the token of MakeLoginToken.
	LoginByToken(ctx context.Context, token string, login todevice.Login) (todevice.Device, error)
	MakeLoginToken(ctx context.Context, localpart, token string, lifetime time.Duration) error
	Session(ctx context.Context, token string) (todevice.Device, error)
	// Refresh gives further tokens for a refresh token, or todevice.ErrUnknownToken.
	Refresh(ctx context.Context, refreshToken string, next todevice.Tokens) (todevice.Device, error)
	Devices(ctx context.Context, localpart string) ([]todevice.DeviceInfo, error)
	DeleteDevice(context.Context, todevice.InboxID) error
	DeleteDevices(ctx context.Context, localpart string) ([]todevice.InboxID, error)
	// DeleteNamedDevices leaves out those the user does not have.
	DeleteNamedDevices(ctx context.Context, localpart string, deviceIDs []string) ([]todevice.InboxID, error)
	RenameDevice(ctx context.Context, localpart, deviceID, displayName string) error

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
// no more.
type Notifier interface {
	Wake(...todevice.InboxID)
}

// A Remote asks other servers about their users.
type Remote interface {
	// Profile asks for a field of a profile, "" for all.
	Profile(ctx context.Context, user todevice.UserID, field string) (todevice.Profile, error)
}

// Server answers the client-server endpoints, but for those that have a package of
// their own beneath this one.
type Server struct {
	config        Config
	reserved      atomic.Pointer[[]string] // what Reserve was given, or the config at first
	store         Store
	sender        Sender
	notifier      Notifier
	remote        Remote
	passwords     passwords.Hasher
	registrations *uia.Sessions[registering]
	// proofs are the sessions in which users show that they are there.
	proofs *uia.Sessions[struct{}]
	nonces *expiring.Map[struct{}]
	log    *logrus.Entry
}

// New makes a Server. It starts nothing and has nothing to close.
func New(config Config, store Store, sender Sender, notifier Notifier, remote Remote, log *logrus.Entry) *Server {
	s := &Server{
		config:        config,
		store:         store,
		sender:        sender,
		notifier:      notifier,
		remote:        remote,
		passwords:     passwords.New(config.PasswordCost),
		registrations: uia.NewSessions[registering](),
		proofs:        uia.NewSessions[struct{}](),
		nonces:        expiring.New[struct{}](maxNonces, nonceLifetime),
		log:           log,
	}
	s.Reserve(config.ReservedPrefixes)
	return s
}
