package federationapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/gorilla/mux"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/httpapi"
)

// roomRoutes adds the endpoints for rooms, of which this server has none. They are
// there to say so: for a path that is not known, other servers try older ones.
func (s *Server) roomRoutes(r *mux.Router) {
	const v1, v2 = "/_matrix/federation/v1", "/_matrix/federation/v2"
	invite := signed(s.log, s.auth, nothing, refuse(httpapi.Forbidden("There are no rooms here")))
	for _, prefix := range []string{v1, v2} {
		r.Handle(prefix+"/invite/{roomId}/{eventId}", invite).Methods(http.MethodPut)
	}
	room := signed(s.log, s.auth, nothing, refuse(httpapi.NotFound("There is no such room")))
	for _, path := range []string{
		v1 + "/backfill/{roomId}", v1 + "/state/{roomId}", v1 + "/state_ids/{roomId}", v1 + "/event/{eventId}",
		v1 + "/event_auth/{roomId}/{eventId}", v1 + "/hierarchy/{roomId}", v1 + "/timestamp_to_event/{roomId}",
		v1 + "/make_join/{roomId}/{userId}", v1 + "/make_leave/{roomId}/{userId}", v1 + "/make_knock/{roomId}/{userId}",
		v1 + "/query/directory",
	} {
		r.Handle(path, room).Methods(http.MethodGet)
	}
	for _, path := range []string{
		v1 + "/send_join/{roomId}/{eventId}", v2 + "/send_join/{roomId}/{eventId}",
		v1 + "/send_leave/{roomId}/{eventId}", v2 + "/send_leave/{roomId}/{eventId}",
		v1 + "/send_knock/{roomId}/{eventId}", v1 + "/exchange_third_party_invite/{roomId}",
	} {
		r.Handle(path, room).Methods(http.MethodPut)
	}
	r.Handle(v1+"/get_missing_events/{roomId}", room).Methods(http.MethodPost)
	r.Handle(v1+"/publicRooms", signed(s.log, s.auth, nothing, s.publicRooms)).Methods(http.MethodGet, http.MethodPost)
}

// nothing reads a request of which nothing matters but who signed it.
func nothing(*http.Request, json.RawMessage) (struct{}, error) { return struct{}{}, nil }

func refuse(why error) func(context.Context, spec.ServerName, struct{}) (httpapi.Empty, error) {
	return func(context.Context, spec.ServerName, struct{}) (httpapi.Empty, error) { return httpapi.Empty{}, why }
}

type publicRoomsAnswer struct {
	Chunk []struct{} `json:"chunk"`
	Total int        `json:"total_room_count_estimate"`
}

// publicRooms: GET and POST /_matrix/federation/v1/publicRooms
//
// https://spec.matrix.org/v1.15/server-server-api/#public-room-directory
func (s *Server) publicRooms(context.Context, spec.ServerName, struct{}) (publicRoomsAnswer, error) {
	return publicRoomsAnswer{Chunk: []struct{}{}}, nil
}
