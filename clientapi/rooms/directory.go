package rooms

import (
	"context"
	"net/http"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

type publicRoomsAnswer struct {
	Chunk []struct{} `json:"chunk"`
	Total int        `json:"total_room_count_estimate"`
}

// publicRooms lists the rooms anyone may join.
//
// GET /_matrix/client/v3/publicRooms
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3publicrooms
func publicRooms(context.Context, struct{}) (publicRoomsAnswer, error) {
	return publicRoomsAnswer{Chunk: []struct{}{}}, nil
}

// readPublicRooms reads what is searched for. Nothing is found, whatever it is.
func readPublicRooms(r *http.Request) (struct{}, error) {
	var search struct {
		Limit  *int64  `json:"limit"`
		Since  *string `json:"since"`
		Filter *struct {
			Term *string `json:"generic_search_term"`
		} `json:"filter"`
	}
	return struct{}{}, httpapi.ReadJSON(r, &search)
}

// searchPublicRooms lists those of them that match.
//
// POST /_matrix/client/v3/publicRooms
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3publicrooms
func (s *Server) searchPublicRooms(ctx context.Context, _ todevice.Device, q struct{}) (publicRoomsAnswer, error) {
	return publicRooms(ctx, q)
}

// noEntry says that an alias or a room is not listed here.
//
// GET /_matrix/client/v3/directory/room/{roomAlias}
// GET /_matrix/client/v3/directory/list/room/{roomId}
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3directoryroomroomalias
func noEntry(context.Context, struct{}) (httpapi.Empty, error) {
	return httpapi.Empty{}, noSuchRoom()
}

// protocols lists the bridges to other networks.
//
// GET /_matrix/client/v3/thirdparty/protocols
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3thirdpartyprotocols
func (s *Server) protocols(context.Context, todevice.Device, struct{}) (httpapi.Empty, error) {
	return httpapi.Empty{}, nil
}
