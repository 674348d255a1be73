package rooms

import (
	"context"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// createRoom refuses to make a room.
//
// POST /_matrix/client/v3/createRoom
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3createroom
func (s *Server) createRoom(context.Context, todevice.Device, struct{}) (httpapi.Empty, error) {
	return httpapi.Empty{}, httpapi.Forbidden("This server does not host rooms")
}

type joinedRoomsAnswer struct {
	JoinedRooms []string `json:"joined_rooms"`
}

// joinedRooms lists the rooms the user is in.
//
// GET /_matrix/client/v3/joined_rooms
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3joined_rooms
func (s *Server) joinedRooms(context.Context, todevice.Device, struct{}) (joinedRoomsAnswer, error) {
	return joinedRoomsAnswer{JoinedRooms: []string{}}, nil
}

// noRoom says of any room that it is not there.
//
// POST /_matrix/client/v3/join/{roomIdOrAlias}
// POST /_matrix/client/v3/knock/{roomIdOrAlias}
// any  /_matrix/client/v3/rooms/…
// https://spec.matrix.org/v1.15/client-server-api/#rooms-1
func (s *Server) noRoom(context.Context, todevice.Device, struct{}) (httpapi.Empty, error) {
	return httpapi.Empty{}, noSuchRoom()
}

func noSuchRoom() error {
	return httpapi.NotFound("There is no such room: this server does not host rooms")
}

// roomData names what a user keeps for a room.
type roomData struct{ user, room string }

func readRoomData(r *http.Request) (q roomData, err error) {
	for name := range mux.Vars(r) {
		if _, err := httpapi.PathVar(r, name); err != nil {
			return roomData{}, err
		}
	}
	if q.user, err = httpapi.PathVar(r, "userId"); err != nil {
		return roomData{}, err
	}
	q.room, err = httpapi.PathVar(r, "roomId")
	return q, err
}

// noRoomData refuses what users keep for rooms: account data and tags.
//
// GET and PUT /_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}
// GET, PUT and DELETE /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags…
// https://spec.matrix.org/v1.15/client-server-api/#put_matrixclientv3useruseridroomsroomidaccount_datatype
func (s *Server) noRoomData(_ context.Context, device todevice.Device, q roomData) (httpapi.Empty, error) {
	switch {
	case q.user != device.User.String():
		return httpapi.Empty{}, httpapi.Forbidden("This belongs to another user")
	case !strings.HasPrefix(q.room, "!"):
		return httpapi.Empty{}, httpapi.InvalidParam("This is not a room ID")
	}
	return httpapi.Empty{}, noSuchRoom()
}
