// Package rooms is the door to rooms, of which this server hosts none: it tells
// clients so in words they understand, at once and without looking further.
package rooms

import (
	"context"
	"net/http"

	"github.com/gorilla/mux"
	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// Store is what this door needs of storage.
type Store interface {
	httpapi.Authenticator
	Profile(ctx context.Context, localpart string) (todevice.Profile, error)
}

// Server answers these endpoints.
type Server struct {
	serverName spec.ServerName
	store      Store
	log        *logrus.Entry
}

// New makes a Server. It starts nothing and has nothing to close.
func New(serverName spec.ServerName, store Store, log *logrus.Entry) *Server {
	return &Server{serverName: serverName, store: store, log: log}
}

// Routes adds every endpoint of this door to a router made by httpapi.NewRouter.
func (s *Server) Routes(r *mux.Router) {
	for _, prefix := range []string{"/_matrix/client/v3", "/_matrix/client/r0"} {
		s.roomRoutes(r, prefix)
		s.dataRoutes(r, prefix+"/user/{userId}/rooms/{roomId}")
		s.directoryRoutes(r, prefix)
	}
	s.insideRoutes(r, "/_matrix/client/v1")
}

func (s *Server) roomRoutes(r *mux.Router, prefix string) {
	r.Handle(prefix+"/createRoom", authed(s, httpapi.NoQuery, s.createRoom)).Methods(http.MethodPost)
	r.Handle(prefix+"/joined_rooms", authed(s, httpapi.NoQuery, s.joinedRooms)).Methods(http.MethodGet)
	for _, path := range []string{"/join/{roomIdOrAlias}", "/knock/{roomIdOrAlias}"} {
		r.Handle(prefix+path, authed(s, httpapi.NoQuery, s.noRoom)).Methods(http.MethodPost)
	}
	s.insideRoutes(r, prefix)
}

// insideRoutes serves what is asked of a room: everything has the same answer.
func (s *Server) insideRoutes(r *mux.Router, prefix string) {
	r.Handle(prefix+"/rooms/{path:.+}", authed(s, httpapi.NoQuery, s.noRoom)).
		Methods(http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete)
}

func (s *Server) dataRoutes(r *mux.Router, prefix string) {
	noData := authed(s, readRoomData, s.noRoomData)
	r.Handle(prefix+"/account_data/{type}", noData).Methods(http.MethodGet, http.MethodPut)
	r.Handle(prefix+"/tags", noData).Methods(http.MethodGet)
	r.Handle(prefix+"/tags/{tag}", noData).Methods(http.MethodPut, http.MethodDelete)
}

func (s *Server) directoryRoutes(r *mux.Router, prefix string) {
	r.Handle(prefix+"/publicRooms", httpapi.Endpoint(s.log, httpapi.NoQuery, publicRooms)).Methods(http.MethodGet)
	r.Handle(prefix+"/publicRooms", authed(s, readPublicRooms, s.searchPublicRooms)).Methods(http.MethodPost)
	for _, path := range []string{"/directory/room/{roomAlias}", "/directory/list/room/{roomId}"} {
		r.Handle(prefix+path, httpapi.Endpoint(s.log, httpapi.NoQuery, noEntry)).Methods(http.MethodGet)
		r.Handle(prefix+path, authed(s, httpapi.NoQuery, s.noRoom)).Methods(http.MethodPut)
	}
	r.Handle(prefix+"/directory/room/{roomAlias}", authed(s, httpapi.NoQuery, s.noRoom)).Methods(http.MethodDelete)
	r.Handle(prefix+"/thirdparty/protocols", authed(s, httpapi.NoQuery, s.protocols)).Methods(http.MethodGet)
	r.Handle(prefix+"/user_directory/search", authed(s, readSearch, s.searchUsers)).Methods(http.MethodPost)
}

func authed[Query, Answer any](
	s *Server,
	read func(*http.Request) (Query, error),
	do func(context.Context, todevice.Device, Query) (Answer, error),
) http.Handler {
	return httpapi.Authed(s.log, s.store, read, do)
}
