package federationapi

import (
	"context"
	"net/http"
	"time"

	"github.com/gorilla/mux"
	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/federationapi/signing"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/ratelimit"
	"github.com/chappe-im/chappe/todevice"
)

// Config is what the server must know of itself.
type Config struct {
	Name spec.ServerName
	Key  signing.Key
	// OldKeys are those signed with before.
	OldKeys []signing.OldKey
	// Servers are those that may ask something of this one.
	Servers todevice.ServerRules
	// Notaries are asked for keys, in this order, where a server itself gives none.
	Notaries []spec.ServerName
	// LimitRates bounds the requests of one server in a time.
	LimitRates bool
	// Version is told to other servers.
	Version string
	// Now tells the time, time.Now if it is nil.
	Now func() time.Time
}

// A Relay takes messages in.
type Relay interface {
	// Send returns once the batch would survive a crash.
	Send(context.Context, todevice.Batch) (todevice.Accepted, error)
}

// DeviceLists asks for device lists that do not add up any more.
type DeviceLists interface {
	Stale(spec.ServerName)
}

// A Server answers other servers.
type Server struct {
	cfg      Config
	store    Store
	relay    Relay
	notifier Notifier
	lists    DeviceLists
	log      *logrus.Entry
	keys     *keyRing
	auth     *authenticator
	turns    *turns
	queries  *ratelimit.Limiter[httpapi.Subscriber] // of the notary; nil for no limit
	metrics  serverMetrics
}

// New makes the server. The client fetches the keys of other servers, peers is
// told of those whose signature was good.
func New(cfg Config, store Store, relay Relay, notifier Notifier, lists DeviceLists, client *remote.Client, peers Peers, log *logrus.Entry,
	registry prometheus.Registerer) *Server {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	metrics := newServerMetrics(registry)
	keys := newKeyRing(store, client, cfg.Notaries, cfg.Now, log)
	auth := &authenticator{
		name: cfg.Name, servers: cfg.Servers, keys: keys, peers: peers,
		refusals: metrics.refused, now: time.Now,
	}
	s := &Server{
		cfg: cfg, store: store, relay: relay, notifier: notifier, lists: lists, log: log, keys: keys,
		auth: auth, turns: newTurns(), metrics: metrics,
	}
	if cfg.LimitRates {
		auth.rates = ratelimit.New[spec.ServerName](ratelimit.Limit{PerSecond: requestRate, Burst: requestBurst}, maxRates)
		s.queries = ratelimit.New[httpapi.Subscriber](ratelimit.Limit{PerSecond: queryRate, Burst: queryBurst}, maxRates)
	}
	return s
}

// Close ends the fetching of keys. It is to be called when no request is under
// way any more, and before the store is closed.
func (s *Server) Close() { s.keys.close() }

// Routes adds the paths of the server-server API to a router of
// httpapi.NewRouter, which answers all others.
func (s *Server) Routes(r *mux.Router) {
	keys := httpapi.Endpoint(s.log, httpapi.NoQuery, s.publishKeys)
	for _, path := range []string{"/_matrix/key/v2/server", "/_matrix/key/v2/server/", "/_matrix/key/v2/server/{keyId}"} {
		r.Handle(path, keys).Methods(http.MethodGet)
	}
	r.Handle("/_matrix/key/v2/query", s.limitQueries(httpapi.Endpoint(s.log, readKeyQueries, s.queryKeys))).Methods(http.MethodPost)
	for _, path := range []string{"/_matrix/key/v2/query/{serverName}", "/_matrix/key/v2/query/{serverName}/{keyId}"} {
		r.Handle(path, s.limitQueries(httpapi.Endpoint(s.log, readKeyQuery, s.queryKeys))).Methods(http.MethodGet)
	}
	r.Handle("/_matrix/federation/v1/version", httpapi.Endpoint(s.log, httpapi.NoQuery, s.version)).Methods(http.MethodGet)

	send := signed(s.log, s.auth, readSend, s.send)
	for _, path := range []string{"/_matrix/federation/v1/send/{txnId}", "/_matrix/federation/v1/send/{txnId}/"} {
		r.Handle(path, send).Methods(http.MethodPut)
	}
	s.userRoutes(r)
	s.roomRoutes(r)
}

func (s *Server) userRoutes(r *mux.Router) {
	const v1 = "/_matrix/federation/v1"
	r.Handle(v1+"/user/keys/query", signed(s.log, s.auth, readUserKeys, s.queryUserKeys)).Methods(http.MethodPost)
	r.Handle(v1+"/user/keys/claim", signed(s.log, s.auth, readUserClaims, s.claimUserKeys)).Methods(http.MethodPost)
	r.Handle(v1+"/user/devices/{userId}", signed(s.log, s.auth, readUserDevices, s.userDevices)).Methods(http.MethodGet)
	r.Handle(v1+"/query/profile", signed(s.log, s.auth, readProfile, s.profile)).Methods(http.MethodGet)
	r.Handle(v1+"/openid/userinfo", httpapi.Endpoint(s.log, readUserInfo, s.userInfo)).Methods(http.MethodGet)
}
