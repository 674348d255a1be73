package federationapi

import (
	"context"
	"net/http"

	"github.com/gorilla/mux"
	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/federationapi/signing"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// Config is what the server must know of itself.
type Config struct {
	Name spec.ServerName
	Key  signing.Key
	// Version is told to other servers.
	Version string
}

// A Relay takes messages in.
type Relay interface {
	// Send returns once the batch would survive a crash.
	Send(context.Context, todevice.Batch) (todevice.Accepted, error)
}

// A Server answers other servers.
type Server struct {
	cfg     Config
	relay   Relay
	log     *logrus.Entry
	keys    *keyRing
	auth    *authenticator
	metrics serverMetrics
}

// New makes the server. The client fetches the keys of other servers, peers is
// told of those whose signature was good.
func New(cfg Config, store KeyStore, relay Relay, client *remote.Client, peers Peers, log *logrus.Entry, registry prometheus.Registerer) *Server {
	keys := newKeyRing(store, client.ServerKeys, log)
	return &Server{
		cfg: cfg, relay: relay, log: log, keys: keys,
		auth:    &authenticator{name: cfg.Name, keys: keys, peers: peers},
		metrics: newServerMetrics(registry),
	}
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
	r.Handle("/_matrix/federation/v1/version", httpapi.Endpoint(s.log, httpapi.NoQuery, s.version)).Methods(http.MethodGet)

	send := signed(s.log, s.auth, readSend, s.send)
	for _, path := range []string{"/_matrix/federation/v1/send/{txnId}", "/_matrix/federation/v1/send/{txnId}/"} {
		r.Handle(path, send).Methods(http.MethodPut)
	}
}
