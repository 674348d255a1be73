package clientapi

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// openIDLifetime is how long an OpenID token tells who made it.
const openIDLifetime = time.Hour

type openIDAnswer struct {
	AccessToken      string          `json:"access_token"`
	TokenType        string          `json:"token_type"`
	MatrixServerName spec.ServerName `json:"matrix_server_name"`
	ExpiresIn        int             `json:"expires_in"` // seconds
}

func readOpenID(r *http.Request) (userID string, err error) {
	if userID, err = httpapi.PathVar(r, "userId"); err != nil {
		return "", err
	}
	_, err = httpapi.ReadObject(r)
	return userID, err
}

// openIDToken makes a token by which the user can show a third party who they are,
// and nothing else.
//
// POST /_matrix/client/v3/user/{userId}/openid/request_token
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3useruseridopenidrequest_token
func (s *Server) openIDToken(ctx context.Context, device todevice.Device, userID string) (openIDAnswer, error) {
	if userID != device.User.String() {
		return openIDAnswer{}, httpapi.Forbidden("This is not you")
	}
	token := rand.Text()
	err := s.store.MakeOpenIDToken(ctx, device.User.Localpart, token, time.Now().Add(openIDLifetime))
	if err != nil {
		return openIDAnswer{}, fmt.Errorf("make an OpenID token: %w", err)
	}
	return openIDAnswer{
		AccessToken:      token,
		TokenType:        "Bearer",
		MatrixServerName: s.config.ServerName,
		ExpiresIn:        int(openIDLifetime.Seconds()),
	}, nil
}
