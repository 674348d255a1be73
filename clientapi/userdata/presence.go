package userdata

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

// maxStatusMsg is how long the words to a presence may be, in bytes.
const maxStatusMsg = 1024

func readPresenceQuery(r *http.Request) (userID string, err error) {
	return httpapi.PathVar(r, "userId")
}

type presenceAnswer struct {
	Presence        todevice.PresenceState `json:"presence"`
	LastActiveAgo   *int64                 `json:"last_active_ago,omitempty"` // milliseconds
	StatusMsg       string                 `json:"status_msg,omitempty"`
	CurrentlyActive bool                   `json:"currently_active"`
}

// presence gives what the user said last of their own presence. That of others is
// shown to those they share a room with, and there are no rooms.
//
// GET /_matrix/client/v3/presence/{userId}/status
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3presenceuseridstatus
func (s *Server) presence(ctx context.Context, device todevice.Device, userID string) (presenceAnswer, error) {
	if err := checkOwn(device, userID); err != nil {
		return presenceAnswer{}, err
	}
	p, err := s.store.Presence(ctx, device.User.Localpart)
	if err != nil {
		return presenceAnswer{}, fmt.Errorf("give presence: %w", err)
	}
	answer := presenceAnswer{Presence: p.State, StatusMsg: p.StatusMsg, CurrentlyActive: p.State == todevice.Online}
	if !p.Since.IsZero() {
		ago := max(0, time.Since(p.Since).Milliseconds())
		answer.LastActiveAgo = &ago
	}
	return answer, nil
}

type presenceChange struct {
	user      string
	state     todevice.PresenceState
	statusMsg string
}

func readPresence(r *http.Request) (q presenceChange, err error) {
	if q.user, err = httpapi.PathVar(r, "userId"); err != nil {
		return presenceChange{}, err
	}
	body, err := httpapi.ReadObject(r)
	if err != nil {
		return presenceChange{}, err
	}
	if body["presence"] == nil {
		return presenceChange{}, httpapi.MissingParam("Missing parameter: presence")
	}
	word, _ := rawjson.Text(body["presence"])
	switch q.state = todevice.PresenceState(word); q.state {
	case todevice.Online, todevice.Offline, todevice.Unavailable:
	default:
		return presenceChange{}, httpapi.BadJSON("presence must be online, offline or unavailable")
	}
	statusMsg, ok := rawjson.Text(body["status_msg"])
	if !ok && rawjson.Present(body["status_msg"]) != nil {
		return presenceChange{}, httpapi.BadJSON("status_msg is not a string")
	}
	if len(statusMsg) > maxStatusMsg {
		return presenceChange{}, httpapi.InvalidParam(fmt.Sprintf("status_msg is over %d bytes", maxStatusMsg))
	}
	q.statusMsg = statusMsg
	return q, nil
}

// setPresence keeps what the user says of their presence. Without a status_msg there
// is none any more.
//
// PUT /_matrix/client/v3/presence/{userId}/status
// https://spec.matrix.org/v1.15/client-server-api/#put_matrixclientv3presenceuseridstatus
func (s *Server) setPresence(ctx context.Context, device todevice.Device, q presenceChange) (httpapi.Empty, error) {
	if err := checkOwn(device, q.user); err != nil {
		return httpapi.Empty{}, err
	}
	if err := s.store.SetPresence(ctx, device.User.Localpart, q.state, &q.statusMsg); err != nil {
		return httpapi.Empty{}, fmt.Errorf("keep presence: %w", refusal(err))
	}
	return httpapi.Empty{}, nil
}
