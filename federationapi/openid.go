package federationapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

type userInfoAnswer struct {
	Subject string `json:"sub"` // the user ID
}

func readUserInfo(r *http.Request) (token string, err error) {
	if token = r.URL.Query().Get("access_token"); token == "" {
		return "", httpapi.MissingToken()
	}
	return token, nil
}

// userInfo: GET /_matrix/federation/v1/openid/userinfo
//
// It tells whoever has the token, server or not, which user made it.
//
// https://spec.matrix.org/v1.15/server-server-api/#get_matrixfederationv1openiduserinfo
func (s *Server) userInfo(ctx context.Context, token string) (userInfoAnswer, error) {
	user, err := s.store.OpenIDUser(ctx, token)
	if errors.Is(err, todevice.ErrUnknownToken) {
		return userInfoAnswer{}, httpapi.UnknownToken()
	}
	if err != nil {
		return userInfoAnswer{}, fmt.Errorf("tell the user of a token: %w", err)
	}
	return userInfoAnswer{Subject: user.String()}, nil
}
