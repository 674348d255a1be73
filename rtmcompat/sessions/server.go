package sessions

import (
	"context"
	"hash/maphash"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/rtmcompat/channels"
	"github.com/chappe-im/chappe/rtmcompat/guests"
	"github.com/chappe-im/chappe/todevice"
)

// Door is the part of the RTM door that knows apps and users.
type Door interface {
	App(id string) (rtmcompat.App, bool)
	User(app rtmcompat.App, uid string) (todevice.UserID, error)
	// Receiver gives the user a destination names.
	Receiver(app rtmcompat.App, destination string) (todevice.UserID, error)
	// UID gives the name by which users of an app know a user.
	UID(app rtmcompat.App, user todevice.UserID) string
	// Elsewhere tells whether a channel is one of another server.
	Elsewhere(channel string) bool
	AskElsewhere(ctx context.Context, app rtmcompat.App, from todevice.UserID, eventType, channel, payload string) error
	// HeardElsewhere reads what happens in a channel of another server.
	HeardElsewhere(app rtmcompat.App, event []byte) (channel string, heard guests.Heard, ok bool)
	SendPeer(context.Context, rtmcompat.App, rtmcompat.PeerMessage) (*todevice.RTMAnswer, error)
	// Delivered waits until the receiver has confirmed a message, and tells whether that
	// was in time.
	Delivered(context.Context, *todevice.RTMAnswer) bool
	// RecordChannelMessage keeps a message for the history, NoteInChannel who may read that.
	RecordChannelMessage(ctx context.Context, app rtmcompat.App, from, channel, payload string, at time.Time) error
	NoteInChannel(ctx context.Context, app rtmcompat.App, uid, channel string) error
	// Online tells whether a local user has a session, or a device that syncs.
	Online(todevice.UserID) bool
}

// Store is what the door needs of storage.
type Store interface {
	EnsureDevice(ctx context.Context, localpart, deviceID string) (todevice.Device, error)
	Pending(ctx context.Context, inbox todevice.InboxID, after todevice.Position) (events []todevice.Event, more bool, err error)
	Confirm(ctx context.Context, inbox todevice.InboxID, upTo todevice.Position) (confirmed int, err error)
	// Head is the highest position given out.
	Head() todevice.Position
	// BeginRTMSession remembers a session, and tells whether the user's last one had the
	// same name and was not ended.
	BeginRTMSession(context.Context, todevice.RTMSession) (resumed bool, err error)
	// EndRTMSession forgets a session, if it is still the user's last.
	EndRTMSession(context.Context, todevice.RTMSession) error
	// RTMSessions gives the sessions that were not ended.
	RTMSessions(context.Context) ([]todevice.RTMSession, error)
	// RecordRTMEvents tells those who ask for events, or have webhooks.
	RecordRTMEvents(context.Context, ...todevice.RTMEvent) error
}

// Notifier is told which devices are there, and what they have confirmed.
type Notifier interface {
	Attach(todevice.Device, relayed) (detach func())
	Confirmed(inbox todevice.InboxID, upTo todevice.Position)
	ConfirmedLive(inbox todevice.InboxID, upTo uint64)
}

// relayed is relay.Attached.
type relayed = interface {
	Wake()
	Take(number uint64, event []byte) bool
}

// A Server keeps the sessions of all apps.
type Server struct {
	door     Door
	store    Store
	notifier Notifier
	hub      *channels.Hub
	// attributes are those of channels.
	attributes ChannelAttributes
	metrics    metrics
	log        *logrus.Entry
	// address is what clients are told to connect to, host:port; "" for the address at
	// which they asked.
	address string
	limited bool

	// running ends with the server. What a session does outlives the frame it came with.
	running context.Context
	stop    context.CancelFunc

	// logins has one login or end of a user's session at a time; some users share a lock.
	logins  [64]sync.Mutex
	seed    maphash.Seed
	done    sync.WaitGroup // readers
	calls   calls
	writers writers
	// draining is true once clients are given nothing more.
	draining atomic.Bool

	mu       sync.Mutex
	sessions map[todevice.UserID]*session   // guarded by mu
	watchers map[todevice.UserID]sessionSet // by the user they want to know of; guarded by mu
	conns    map[*connection]struct{}       // guarded by mu
	closed   bool                           // guarded by mu
}

type sessionSet map[*session]struct{}

// Config is what the door must know.
type Config struct {
	// Address is where clients reach the WebSocket, host:port; "" for where they asked.
	Address string
	// Limited holds each client to the vendors' limits, and to 200 frames a second.
	Limited bool
}

// New makes the door. [Server.Run] must be running for what goes by time.
func New(cfg Config, door Door, store Store, notifier Notifier, hub *channels.Hub, attributes ChannelAttributes, log *logrus.Entry, registry prometheus.Registerer) *Server {
	running, stop := context.WithCancel(context.Background())
	return &Server{
		door: door, store: store, notifier: notifier, hub: hub, attributes: attributes, metrics: newMetrics(registry), log: log, address: cfg.Address,
		limited: cfg.Limited, running: running, stop: stop, seed: maphash.MakeSeed(),
		writers:  writers{most: mostWriters()},
		sessions: make(map[todevice.UserID]*session),
		watchers: make(map[todevice.UserID]sessionSet),
		conns:    make(map[*connection]struct{}),
	}
}

// Routes adds the gateway and the WebSocket, which the SDK opens on the path /.
func (s *Server) Routes(r *mux.Router) {
	r.Handle("/arapi/v1", s.gateway()).Methods(http.MethodPost, http.MethodOptions)
	r.Handle("/arapi/v1/artmgw/getOfflineMsg", s.offlineMessages()).Methods(http.MethodPost, http.MethodOptions)
	r.Handle("/", http.HandlerFunc(s.upgrade)).Methods(http.MethodGet).
		MatcherFunc(func(r *http.Request, _ *mux.RouteMatch) bool { return r.Header.Get("Upgrade") != "" })
}

// Run does what goes by time until ctx ends, and then closes all connections. The
// sessions' clients come back to whoever answers at the address next.
func (s *Server) Run(ctx context.Context) error {
	s.restore(ctx)
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.tick(time.Now())
		case <-ctx.Done():
			s.Close()
			return nil
		}
	}
}

// restore takes up the sessions that stood when the program ended: their clients have
// the same time to come back as after any other break.
func (s *Server) restore(ctx context.Context) {
	stored, err := s.store.RTMSessions(ctx)
	if err != nil {
		s.log.WithError(err).Error("could not read the RTM sessions of before")
		return
	}
	for _, old := range stored {
		app, ok := s.door.App(old.App)
		if !ok {
			continue
		}
		lock := s.loginLock(old.Device.User)
		lock.Lock()
		if s.session(old.Device.User) == nil {
			s.add(s.newSession(app, old))
		}
		lock.Unlock()
	}
}

// drainTime is how long the end of the server is put off for clients to acknowledge what
// they have.
const drainTime = time.Second

// closeTime is how long the end of the server then waits for clients to read what was
// written to them.
const closeTime = 3 * time.Second

// drain gives clients no more messages, and waits a little until they have acknowledged
// those they have: else they would be given them again after a restart.
func (s *Server) drain() {
	s.draining.Store(true)
	for end := time.Now().Add(drainTime); s.awaitsClients() && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
}

// awaitsClients tells whether a client that is there has still to acknowledge something.
func (s *Server) awaitsClients() bool {
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.sessions))
	s.mu.Unlock()
	return slices.ContainsFunc(all, (*session).owes)
}

// Close ends all connections, and returns once nothing reads from them, and what was
// acknowledged on them lasts.
func (s *Server) Close() {
	s.drain()
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		c.finish(closeGoingAway)
	}
	s.mu.Unlock()
	patience := time.AfterFunc(closeTime, s.cutAll)
	s.done.Wait()
	patience.Stop()
	for _, ss := range s.all() {
		ss.confirmLast()
	}
	s.stop()
}

// cutAll ends all connections, whatever waits on them.
func (s *Server) cutAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.kill()
	}
}

// session gives the standing session of a user, nil where there is none.
func (s *Server) session(user todevice.UserID) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[user]
}

// all gives the sessions that stand.
func (s *Server) all() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.sessions))
}

// addConn registers a connection and its reader, false where the server is closing.
func (s *Server) addConn(c *connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.conns[c] = struct{}{}
	s.done.Add(1)
	s.metrics.connections.Inc()
	return true
}

func (s *Server) dropConn(c *connection) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.metrics.connections.Dec()
	s.done.Done()
}

// loginLock gives the lock that one login of a user at a time holds.
func (s *Server) loginLock(user todevice.UserID) *sync.Mutex {
	return &s.logins[maphash.Comparable(s.seed, user)%uint64(len(s.logins))]
}

// add makes a session that of its user.
func (s *Server) add(ss *session) {
	s.mu.Lock()
	s.sessions[ss.device.User] = ss
	s.mu.Unlock()
	ss.detach = s.notifier.Attach(ss.device, ss)
	s.metrics.sessions.Inc()
}

// event records what happened to a session, for those who ask.
func (s *Server) event(e todevice.RTMEvent) {
	e.At = time.Now()
	if err := s.store.RecordRTMEvents(s.running, e); err != nil {
		s.log.WithError(err).Error("could not record an RTM event")
	}
}
