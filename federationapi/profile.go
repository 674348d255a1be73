package federationapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// profileQuery asks for a user's profile, or for one field of it.
type profileQuery struct {
	userID string
	field  string // "" for all
}

// profileAnswer leaves out what the user has not set, or what was not asked for.
type profileAnswer struct {
	DisplayName string `json:"displayname,omitempty"`
	AvatarURL   string `json:"avatar_url,omitempty"`
}

func readProfile(r *http.Request, _ json.RawMessage) (profileQuery, error) {
	query := r.URL.Query()
	if !query.Has("user_id") {
		return profileQuery{}, httpapi.MissingParam("Missing parameter: user_id")
	}
	return profileQuery{userID: query.Get("user_id"), field: query.Get("field")}, nil
}

// profile: GET /_matrix/federation/v1/query/profile
//
// https://spec.matrix.org/v1.15/server-server-api/#get_matrixfederationv1queryprofile
func (s *Server) profile(ctx context.Context, _ spec.ServerName, q profileQuery) (profileAnswer, error) {
	localpart, ok := s.local(q.userID)
	if !ok {
		return profileAnswer{}, httpapi.InvalidParam("This is not a user of this server")
	}
	profile, err := s.store.Profile(ctx, localpart)
	if errors.Is(err, todevice.ErrUnknownUser) {
		return profileAnswer{}, httpapi.NotFound("There is no such user")
	}
	if err != nil {
		return profileAnswer{}, fmt.Errorf("query the profile: %w", err)
	}
	var answer profileAnswer
	if q.field == "" || q.field == "displayname" {
		answer.DisplayName = profile.DisplayName
	}
	if q.field == "" || q.field == "avatar_url" {
		answer.AvatarURL = profile.AvatarURL
	}
	return answer, nil
}
