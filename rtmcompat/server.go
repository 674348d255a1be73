package rtmcompat

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"
	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/rtmcompat/channels"
	"github.com/chappe-im/chappe/rtmcompat/guests"
	"github.com/chappe-im/chappe/todevice"
)

// Store is what the door needs of storage.
type Store interface {
	// UserDevices gives the devices of a local user, none for an unknown one.
	UserDevices(ctx context.Context, localpart string) ([]todevice.Device, error)
	// EnsureDevice gives the named device of a local user, and makes both where
	// they are missing.
	EnsureDevice(ctx context.Context, localpart, deviceID string) (todevice.Device, error)
	// RTMAnswer gives what is remembered of a request, nil if it was not made before.
	// It fails with todevice.ErrKeyReused if its key was given to another.
	RTMAnswer(context.Context, todevice.RTMRequest) (*todevice.RTMAnswer, error)
	// History gives a page of what a query finds, CountHistory the number of all.
	History(context.Context, todevice.RTMQuery, todevice.RTMPage) ([]todevice.RTMRecord, error)
	CountHistory(context.Context, todevice.RTMQuery) (int, error)
	// NoteInChannel remembers that a user is in a channel of an app, WasInChannel tells
	// whether a user is or was.
	NoteInChannel(ctx context.Context, app string, user todevice.UserID, channel string) error
	WasInChannel(ctx context.Context, app string, user todevice.UserID, channel string) (bool, error)
	// RTMEvents reads at most so many events that follow a place in a stream.
	RTMEvents(ctx context.Context, app string, kind todevice.RTMEventKind, after int64, limit int) (todevice.RTMEventPage, error)
	// DrainRTMEvents gives at most so many events of a stream that it has not given before.
	DrainRTMEvents(ctx context.Context, app string, kind todevice.RTMEventKind, limit int) ([]todevice.RTMEvent, error)
	// Epoch is random, of this database alone, and told to nobody.
	Epoch() []byte
	guests.Store
}

// Sender accepts messages; they would survive a crash once it returns.
type Sender interface {
	Send(context.Context, todevice.Batch) (todevice.Accepted, error)
}

// Notifier knows which local devices are there.
type Notifier interface {
	// OnlineDevices gives the IDs of the devices of a local user that have a session or
	// sync.
	OnlineDevices(localpart string) []string
	// AwaitConfirmation returns nil once a device has confirmed one of the
	// deliveries, or the error of the context.
	AwaitConfirmation(context.Context, []todevice.Delivery) error
	// WaitRTMEvents gives a channel with a value when an app has new events, from this
	// moment on, until leave is called.
	WaitRTMEvents(app string) (woken <-chan struct{}, leave func())
	guests.Waiter
}

// A Server answers the RTM REST API.
type Server struct {
	name spec.ServerName
	// directory is replaced as a whole, so that whoever asks sees apps and keys that
	// belong together.
	directory  atomic.Pointer[directory]
	handles    handles
	ackTimeout time.Duration
	limits     *Limits
	store      Store
	sender     Sender
	notifier   Notifier
	guests     *guests.Service
	log        *logrus.Entry
}

// New makes the door for the apps of a config that has been checked. Until Run is called,
// Matrix users are in no channel.
func New(cfg Config, store Store, sender Sender, notifier Notifier, hub *channels.Hub, log *logrus.Entry) *Server {
	if cfg.AckTimeout == 0 {
		cfg.AckTimeout = 10 * time.Second // the send timeout of the vendors' own SDK
	}
	s := &Server{
		name:       cfg.ServerName,
		handles:    newHandles(store.Epoch()),
		ackTimeout: cfg.AckTimeout,
		limits:     cfg.Limits,
		store:      store,
		sender:     sender,
		notifier:   notifier,
		guests:     guests.New(store, sender, notifier, hub, log),
		log:        log,
	}
	s.SetApps(cfg.Apps)
	return s
}

// SetApps has the door know these apps and no others from now on. They have been
// checked. A request that was let in already goes on.
func (s *Server) SetApps(list []App) {
	s.directory.Store(&directory{apps: newApps(list), credentials: newCredentials(list)})
	s.guests.SetApps(s.guestApps(list))
}

// Routes adds everything under /dev/v2/, and its description. The router must match the path as it was
// sent (httpapi.NewRouter): uids contain percent-encoded characters, and "." and
// ".." are uids.
func (s *Server) Routes(r *mux.Router) {
	r.Handle("/rtm/openapi.json", httpapi.Endpoint(s.log, httpapi.NoQuery, describe)).Methods(http.MethodGet)
	v2 := r.PathPrefix("/dev/v2/").Subrouter()
	s.handle(v2, http.MethodPost, "/project/{appId:[^/]*}/rtm/users/{userId:[^/]*}/peer_messages",
		endpoint(s, callPeerMessages, readPeerMessage, s.sendPeerMessage))
	const history = "/project/{appId:[^/]*}/rtm/message/history"
	s.handle(v2, http.MethodPost, history+"/query", userEndpoint(s, callHistoryQuery, readHistoryQuery, s.queryHistory))
	s.handle(v2, http.MethodGet, history+"/query/{handle:[^/]*}", userEndpoint(s, callHistoryRead, readHandle, s.readHistory))
	s.handle(v2, http.MethodGet, history+"/count", userEndpoint(s, callHistoryCount, readHistoryCount, s.countHistory))
	s.handle(v2, http.MethodGet, "/project/{appId:[^/]*}/rtm/vendor/user_events",
		userEndpoint(s, callUserEvents, readEventsQuery, s.userEvents))
	s.handle(v2, http.MethodGet, "/project/{appId:[^/]*}/rtm/vendor/channel_events",
		userEndpoint(s, callChannelEvents, readEventsQuery, s.channelEvents))
	s.handle(v2, http.MethodPost, "/project/{appId:[^/]*}/rtm/users/{userId:[^/]*}/channel_messages",
		endpoint(s, callChannelMessages, readChannelMessage, s.sendChannelMessage))
	v2.PathPrefix("/").Handler(s.unknownPath())
}

// handle adds an endpoint, and the refusal of other methods on its path.
func (s *Server) handle(r *mux.Router, method, path string, h http.Handler) {
	r.Handle(path, h).Methods(method)
	r.Handle(path, s.wrongMethod(method))
}
