package clientapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// accessLifetime is how long an access token works that can be refreshed.
const accessLifetime = time.Hour

type refreshAnswer struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresInMS  int64  `json:"expires_in_ms"`
}

func readRefresh(r *http.Request) (token string, err error) {
	var body struct {
		RefreshToken string `json:"refresh_token"`
	}
	if err := httpapi.ReadJSON(r, &body); err != nil {
		return "", err
	}
	if body.RefreshToken == "" {
		return "", httpapi.MissingParam("Missing parameter: refresh_token")
	}
	return body.RefreshToken, nil
}

// refresh gives a device further tokens. Those it has work on until it uses one of the
// new ones.
//
// POST /_matrix/client/v3/refresh
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3refresh
func (s *Server) refresh(ctx context.Context, token string) (refreshAnswer, error) {
	next := todevice.Tokens{Access: newToken(accessToken), Refresh: newToken(refreshToken), Lifetime: accessLifetime}
	if _, err := s.store.Refresh(ctx, token, next); err != nil {
		return refreshAnswer{}, httpapi.TokenError(fmt.Errorf("refresh: %w", err))
	}
	return refreshAnswer{next.Access, next.Refresh, next.Lifetime.Milliseconds()}, nil
}
