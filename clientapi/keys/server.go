// Package keys is the part of the door for Matrix clients at which they publish
// end-to-end keys, and ask for and claim those of others.
//
// https://spec.matrix.org/v1.15/client-server-api/#end-to-end-encryption
package keys

import (
	"context"
	"net/http"

	"github.com/gorilla/mux"
	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/clientapi/limits"
	"github.com/chappe-im/chappe/clientapi/uia"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// Store is what these endpoints need of storage. What its methods return is defined
// by the errors of package todevice.
type Store interface {
	httpapi.Authenticator

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

	// CrossSigningKeys gives all keys of a user as they were set.
	CrossSigningKeys(ctx context.Context, user todevice.UserID) (todevice.CrossSigningKeys, error)
	// SetCrossSigningKeys puts keys in the place of the known ones, if those are still
	// there.
	SetCrossSigningKeys(ctx context.Context, user todevice.UserID, known, keys todevice.CrossSigningKeys) error
	// AddSignatures leaves out those whose keys have changed meanwhile, and gives them.
	AddSignatures(context.Context, []todevice.Signature) (late []todevice.Signature, err error)
}

// Notifier has the open /sync of a device look at what is new: that its keys run
// out.
type Notifier interface {
	Wake(...todevice.InboxID)
}

// A Remote asks other servers about their users. Its answers say nothing of the
// users of any other server.
type Remote interface {
	// QueryKeys asks for the keys of devices; no device IDs stand for all.
	QueryKeys(context.Context, spec.ServerName, map[todevice.UserID][]string) (todevice.RemoteKeys, error)
	// ClaimKeys asks for one key of an algorithm for each user and device.
	ClaimKeys(context.Context, spec.ServerName, map[todevice.UserID]map[string]string) (todevice.RemoteClaim, error)
}

// Server answers the endpoints under /keys.
type Server struct {
	// name is the part of every local user ID after the colon.
	name     spec.ServerName
	store    Store
	notifier Notifier
	remote   Remote
	limits   *limits.Limits // nil for none
	// password is the stage by which the user of a device shows to be there.
	password func(todevice.Device) uia.Stage
	// signings are the sessions in which users replace cross-signing keys.
	signings *uia.Sessions[signing]
	log      *logrus.Entry
}

// Config is what the endpoints need to know.
type Config struct {
	// ServerName is the part of every local user ID after the colon.
	ServerName spec.ServerName
	// Password is the stage by which the user of a device shows to be there.
	Password func(todevice.Device) uia.Stage
	// Limits bounds how often a user may claim, nil for no limit.
	Limits *limits.Limits
}

// New makes a Server. It starts nothing and has nothing to close.
func New(c Config, store Store, notifier Notifier, remote Remote, log *logrus.Entry) *Server {
	return &Server{
		name: c.ServerName, store: store, notifier: notifier, remote: remote,
		limits: c.Limits, password: c.Password, signings: uia.NewSessions[signing](), log: log,
	}
}

// Routes adds the endpoints to a router made by httpapi.NewRouter.
func (s *Server) Routes(r *mux.Router) {
	for _, prefix := range []string{"/_matrix/client/v3/keys", "/_matrix/client/r0/keys"} {
		r.Handle(prefix+"/upload", httpapi.Authed(s.log, s.store, readUpload, s.upload)).
			Methods(http.MethodPost)
		r.Handle(prefix+"/query", httpapi.Authed(s.log, s.store, readQuery, s.query)).
			Methods(http.MethodPost)
		r.Handle(prefix+"/claim", httpapi.Authed(s.log, s.store, readClaim, s.claim)).
			Methods(http.MethodPost)
		r.Handle(prefix+"/device_signing/upload", httpapi.Authed(s.log, s.store, readSigning, s.uploadSigning)).
			Methods(http.MethodPost)
		r.Handle(prefix+"/signatures/upload", httpapi.Authed(s.log, s.store, readSignatures, s.uploadSignatures)).
			Methods(http.MethodPost)
	}
}
