package rooms

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

func readSearch(r *http.Request) (term string, err error) {
	var search struct {
		Term  *string `json:"search_term"`
		Limit *int64  `json:"limit"`
	}
	if err := httpapi.ReadJSON(r, &search); err != nil {
		return "", err
	}
	if search.Term == nil {
		return "", httpapi.MissingParam("Missing parameter: search_term")
	}
	return *search.Term, nil
}

type searchAnswer struct {
	Limited bool        `json:"limited"`
	Results []foundUser `json:"results"`
}

type foundUser struct {
	UserID      string `json:"user_id"`
	DisplayName string `json:"display_name,omitempty"`
	AvatarURL   string `json:"avatar_url,omitempty"`
}

// searchUsers finds the local user whose name or ID is written out in full. There are
// no rooms that would show users to one another, so there is no searching for parts of
// a name.
//
// POST /_matrix/client/v3/user_directory/search
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3user_directorysearch
func (s *Server) searchUsers(ctx context.Context, _ todevice.Device, term string) (searchAnswer, error) {
	none := searchAnswer{Results: []foundUser{}}
	user, ok := s.localUser(term)
	if !ok {
		return none, nil
	}
	profile, err := s.store.Profile(ctx, user.Localpart)
	if errors.Is(err, todevice.ErrUnknownUser) {
		return none, nil
	}
	if err != nil {
		return searchAnswer{}, fmt.Errorf("search users: %w", err)
	}
	found := foundUser{UserID: user.String(), DisplayName: profile.DisplayName, AvatarURL: profile.AvatarURL}
	return searchAnswer{Results: []foundUser{found}}, nil
}

// localUser gives the user of this server that a term may stand for: "alice", "@Alice"
// or "@alice:example.org".
func (s *Server) localUser(term string) (todevice.UserID, bool) {
	name, of, full := strings.Cut(strings.TrimPrefix(strings.TrimSpace(term), "@"), ":")
	user := todevice.UserID{Localpart: strings.ToLower(name), Server: s.serverName}
	return user, user.Localpart != "" && (!full || of == string(s.serverName))
}
