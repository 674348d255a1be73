package syncapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// readChanges reads from, after which changes are asked for. Only the shape of to is
// looked at, see changes.
func readChanges(r *http.Request) (from *token, err error) {
	params := r.URL.Query()
	if params.Get("from") == "" {
		return nil, httpapi.MissingParam("Missing parameter: from")
	}
	if to := params.Get("to"); to != "" {
		if _, err := parseToken(to); err != nil {
			return nil, httpapi.InvalidParam("to is not a token of this server")
		}
	}
	sent, err := parseToken(params.Get("from"))
	if err != nil {
		return nil, httpapi.InvalidParam("from is not a token of this server")
	}
	return &sent, nil
}

// changes lists the users whose devices have changed since a token, as /sync would. It
// leaves out nothing that came after to: of each device only its latest change is
// known, and to look at a user's keys once more does no harm. A token that means
// nothing for this device stands for the time before everything.
//
// GET /_matrix/client/v3/keys/changes
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3keyschanges
func (s *Server) changes(ctx context.Context, device todevice.Device, sent *token) (json.RawMessage, error) {
	from, _ := s.trusted(device.Inbox, sent)
	news, err := s.store.News(ctx, device.User.Localpart, from.changes)
	if err != nil {
		return nil, fmt.Errorf("keys/changes: %w", err)
	}
	out := appendStrings([]byte(`{"changed":`), news.Changed)
	out = appendStrings(append(out, `,"left":`...), news.Left)
	return append(out, '}'), nil
}
