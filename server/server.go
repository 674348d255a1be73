// Package server builds every part of the program from the configuration, ties
// them together, and owns every goroutine. It is what the command, the tests and
// whoever embeds Chappe start. No other package knows the concrete types.
package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/federationapi"
	"github.com/chappe-im/chappe/federationapi/devicelists"
	"github.com/chappe-im/chappe/federationapi/queue"
	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/relay"
	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/rtmcompat/channels/attributes"
	"github.com/chappe-im/chappe/rtmcompat/sessions"
	"github.com/chappe-im/chappe/rtmcompat/webhooks"
	"github.com/chappe-im/chappe/storage/sqlite"
)

// Version is what the server calls itself.
const Version = "0.1.0-dev"

const (
	// announcedTo is how long ago a server was heard of, at most, that is told that this
	// one is back. For longer no peer is known to wait before it tries again by itself.
	announcedTo  = 7 * 24 * time.Hour
	maxAnnounced = 1000
)

const (
	// sweepEvery is how often it is forgotten what need not be remembered any longer.
	sweepEvery = time.Hour
	// keepSightingsEvery is how often it is written down which devices were there.
	keepSightingsEvery = 5 * time.Minute
)

// A Server is a whole homeserver: its addresses are bound and its database is
// open, but it answers nobody until Run.
type Server struct {
	log *logrus.Entry
	now func() time.Time
	// giveUpAfter is how long a message waits for another server, 0 for any time.
	giveUpAfter time.Duration
	lock        *os.File // on the data folder
	store       *sqlite.Store
	client      *remote.Client
	queue       *queue.Queue
	lists       *devicelists.Refresher
	inbound     *federationapi.Server
	rtm         *rtmcompat.Server
	sessions    *sessions.Server
	webhooks    *webhooks.Deliverer
	attributes  *attributes.Keeper
	ownName     *ownName // nil where nobody is to find this server by its name
	listeners   []*listener
	// clients and servers answer what comes in at the listeners.
	clients, servers *mux.Router
	proxies          []netip.Prefix // whose word is taken for where clients are
}

// New opens or makes what the configuration names: database, signing key,
// certificate, listeners. On an error nothing stays open.
func New(cfg config.Config, log *logrus.Entry) (*Server, error) {
	return NewIn(Environment{}, cfg, log)
}

// NewIn is New in an environment of the caller's choice. Where an address is not
// configured, ClientHandler or FederationHandler is all there is of the listener.
func NewIn(env Environment, cfg config.Config, log *logrus.Entry) (_ *Server, err error) {
	if env.Now == nil {
		env.Now = time.Now
	}
	for _, warning := range cfg.Warnings() {
		log.Warn(warning)
	}
	s := &Server{log: log, now: env.Now, giveUpAfter: cfg.Federation.GiveUpAfter}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.lock, err = lockFolder(cfg.DataDir); err != nil {
		return nil, err
	}
	b := building{Server: s, env: env, cfg: cfg, registry: prometheus.NewRegistry(), notifier: relay.NewNotifier()}
	b.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := b.openStore(); err != nil {
		return nil, err
	}
	if err := b.connectWebhooks(); err != nil {
		return nil, err
	}
	if err := b.connectPeers(); err != nil {
		return nil, err
	}
	b.openClientDoors()
	b.openServerDoor()
	if err := b.listenAll(); err != nil {
		return s, err
	}
	return s, s.rtm.Restore(context.Background())
}

// Run serves until ctx ends. Then it stops taking requests, ends the long polls,
// lets the requests under way finish, and closes the database last.
func (s *Server) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range s.listeners {
		s.log.WithFields(logrus.Fields{"listener": l.name, "address": l.listener.Addr().String()}).Info("listening")
		group.Go(func() error { return l.serve(ctx) })
	}
	group.Go(func() error { return s.sessions.Run(ctx) })
	group.Go(func() error { return s.rtm.Run(ctx) })
	group.Go(func() error { return s.attributes.Run(ctx) })
	group.Go(func() error { return s.queue.Run(ctx) })
	group.Go(func() error { return s.lists.Run(ctx) })
	group.Go(func() error { return s.webhooks.Run(ctx) })
	group.Go(func() error { return s.announce(ctx) })
	group.Go(func() error { return s.sweep(ctx) })
	group.Go(func() error { return s.keepSightings(ctx) })
	if s.ownName != nil {
		group.Go(func() error { return s.ownName.watch(ctx) })
	}
	return errors.Join(group.Wait(), s.close())
}

// sweep forgets, now and then, what need not be remembered.
func (s *Server) sweep(ctx context.Context) error {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		removed, err := s.store.Sweep(ctx, s.now())
		if err == nil {
			err = s.expireMessages(ctx)
		}
		if err == nil {
			err = s.giveUp(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.log.WithError(err).Error("could not forget old requests; will try again")
		}
		if removed > 0 {
			s.log.WithField("rows", removed).Debug("forgot old requests")
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// keepSightings writes down, now and then and at the end, which devices were there.
func (s *Server) keepSightings(ctx context.Context) error {
	ticker := time.NewTicker(keepSightingsEvery)
	defer ticker.Stop()
	for more := true; more; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			more = false
		}
		if err := s.store.KeepSightings(context.WithoutCancel(ctx)); err != nil {
			s.log.WithError(err).Error("could not keep when devices were last seen")
		}
	}
	return nil
}

// announce tells the servers that were heard of in the last days that this one is
// back: they may have given up trying it.
func (s *Server) announce(ctx context.Context) error {
	servers, err := s.store.ServersHeardOf(ctx, s.now().Add(-announcedTo), maxAnnounced)
	if err != nil {
		s.log.WithError(err).Error("could not tell other servers that this one is back")
		return nil
	}
	s.queue.Announce(ctx, servers)
	return nil
}

// expireMessages removes messages whose time is over.
func (s *Server) expireMessages(ctx context.Context) error {
	for {
		dropped, err := s.store.ExpireMessages(ctx, s.now())
		if err != nil || len(dropped) == 0 {
			return err
		}
		s.log.WithField("messages", len(dropped)).Debug("removed messages whose time was over")
	}
}

// giveUp gives up what has waited for other servers for too long, if the
// configuration has a limit.
func (s *Server) giveUp(ctx context.Context) error {
	if s.giveUpAfter == 0 {
		return nil
	}
	edus, err := s.store.GiveUpBefore(ctx, s.now().Add(-s.giveUpAfter))
	if edus > 0 {
		s.log.WithField("edus", edus).Warn("messages were not delivered to other servers in time, and are kept as dead letters")
	}
	return err
}

// close releases what New acquired: the database, and then the folder, last.
func (s *Server) close() error {
	var errs []error
	for _, l := range s.listeners {
		if err := l.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if s.sessions != nil {
		s.sessions.Close()
	}
	if s.inbound != nil {
		s.inbound.Close()
	}
	if s.client != nil {
		s.client.Close()
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// ClientHandler answers clients and users of the RTM API.
func (s *Server) ClientHandler() http.Handler {
	return httpapi.BehindProxies(s.proxies, httpapi.CORS(httpapi.Index(s.clients)))
}

// FederationHandler answers other servers.
func (s *Server) FederationHandler() http.Handler { return httpapi.Index(s.servers) }

// ClientAddr is the bound address for clients, as host:port.
func (s *Server) ClientAddr() string { return s.addr("client") }

// FederationAddr is the bound address for other servers, as host:port, or "" where
// there is none.
func (s *Server) FederationAddr() string { return s.addr("federation") }

func (s *Server) addr(name string) string {
	for _, l := range s.listeners {
		if l.name == name {
			return l.listener.Addr().String()
		}
	}
	return ""
}
