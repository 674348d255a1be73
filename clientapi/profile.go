package clientapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/clientapi/otherservers"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

// The fields of a profile, and how long they may be in bytes.
const (
	fieldDisplayName = "displayname"
	fieldAvatarURL   = "avatar_url"

	maxProfileName = 256
	maxAvatarURL   = 1000
)

// profileQuery asks for a user's profile, or for one field of it.
type profileQuery struct {
	user  todevice.UserID
	field string // "" for all
}

type profileAnswer struct {
	DisplayName string `json:"displayname,omitempty"`
	AvatarURL   string `json:"avatar_url,omitempty"`
}

func readProfile(r *http.Request) (profileQuery, error) {
	name, err := httpapi.PathVar(r, "userId")
	if err != nil {
		return profileQuery{}, err
	}
	user, err := todevice.ParseUserID(name)
	if err != nil {
		return profileQuery{}, httpapi.InvalidParam("This is not a user ID")
	}
	return profileQuery{user: user}, nil
}

func readProfileField(r *http.Request) (profileQuery, error) {
	q, err := readProfile(r)
	if err != nil {
		return profileQuery{}, err
	}
	q.field, err = httpapi.PathVar(r, "field")
	return q, err
}

// profile shows what a user, here or elsewhere, shows of themselves.
//
// GET /_matrix/client/v3/profile/{userId}
// GET /_matrix/client/v3/profile/{userId}/{keyName}
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3profileuserid
func (s *Server) profile(ctx context.Context, q profileQuery) (profileAnswer, error) {
	if q.field != "" && q.field != fieldDisplayName && q.field != fieldAvatarURL {
		return profileAnswer{}, noProfile()
	}
	profile, err := s.findProfile(ctx, q)
	if err != nil {
		return profileAnswer{}, err
	}
	answer := profileAnswer{DisplayName: profile.DisplayName, AvatarURL: profile.AvatarURL}
	switch q.field {
	case fieldDisplayName:
		answer.AvatarURL = ""
	case fieldAvatarURL:
		answer.DisplayName = ""
	}
	if q.field != "" && answer == (profileAnswer{}) {
		return profileAnswer{}, noProfile()
	}
	return answer, nil
}

func noProfile() error { return httpapi.NotFound("There is no such user or no such field") }

func (s *Server) findProfile(ctx context.Context, q profileQuery) (todevice.Profile, error) {
	if q.user.Server == s.config.ServerName {
		profile, err := s.store.Profile(ctx, q.user.Localpart)
		if errors.Is(err, todevice.ErrUnknownUser) {
			return todevice.Profile{}, noProfile()
		}
		return profile, err
	}
	ctx, cancel := context.WithTimeout(ctx, otherservers.Timeout)
	defer cancel()
	profile, err := s.remote.Profile(ctx, q.user, q.field)
	if err == nil {
		return profile, nil
	}
	var no otherservers.Refused
	if errors.As(err, &no) {
		if status, _ := no.Answer(); status == http.StatusNotFound {
			return todevice.Profile{}, noProfile()
		}
	}
	return todevice.Profile{}, &httpapi.Error{
		Status: http.StatusBadGateway,
		Body:   spec.Unknown(otherservers.Describe(err).Error),
	}
}

// profileChange sets one field of a user's profile.
type profileChange struct {
	user   string
	change todevice.ProfileChange
}

func readProfileChange(r *http.Request) (profileChange, error) {
	user, err := httpapi.PathVar(r, "userId")
	if err != nil {
		return profileChange{}, err
	}
	field, err := httpapi.PathVar(r, "field")
	if err != nil {
		return profileChange{}, err
	}
	body, err := httpapi.ReadObject(r)
	if err != nil {
		return profileChange{}, err
	}
	change, err := decodeProfileField(field, body[field])
	return profileChange{user: user, change: change}, err
}

// decodeProfileField reads the value of a field. null empties it.
func decodeProfileField(field string, raw json.RawMessage) (todevice.ProfileChange, error) {
	if field != fieldDisplayName && field != fieldAvatarURL {
		return todevice.ProfileChange{}, httpapi.InvalidParam("A profile has displayname and avatar_url only")
	}
	if raw == nil {
		return todevice.ProfileChange{}, httpapi.MissingParam("Missing parameter: " + field)
	}
	value, ok := rawjson.Text(raw)
	if !ok && rawjson.Present(raw) != nil {
		return todevice.ProfileChange{}, httpapi.BadJSON(field + " is not a string")
	}
	limit, change := maxProfileName, todevice.ProfileChange{DisplayName: &value}
	if field == fieldAvatarURL {
		limit, change = maxAvatarURL, todevice.ProfileChange{AvatarURL: &value}
	}
	if len(value) > limit {
		return todevice.ProfileChange{}, httpapi.InvalidParam(fmt.Sprintf("%s is over %d bytes", field, limit))
	}
	return change, nil
}

// setProfile changes one field of the caller's own profile.
//
// PUT /_matrix/client/v3/profile/{userId}/{keyName}
// https://spec.matrix.org/v1.15/client-server-api/#put_matrixclientv3profileuseridkeyname
func (s *Server) setProfile(ctx context.Context, device todevice.Device, q profileChange) (httpapi.Empty, error) {
	if q.user != device.User.String() {
		return httpapi.Empty{}, httpapi.Forbidden("This is not your profile")
	}
	if err := s.store.SetProfile(ctx, device.User.Localpart, q.change); err != nil {
		return httpapi.Empty{}, fmt.Errorf("set the profile: %w", err)
	}
	return httpapi.Empty{}, nil
}
