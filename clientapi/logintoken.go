package clientapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// loginTokenLifetime is how long a login token waits to be used.
const loginTokenLifetime = 5 * time.Minute

type loginTokenAnswer struct {
	LoginToken  string `json:"login_token"`
	ExpiresInMS int64  `json:"expires_in_ms"`
}

func readUserID(r *http.Request) (userID string, err error) {
	return httpapi.PathVar(r, "userId")
}

// loginToken makes a token with which a user can log in once, for an administrator to
// hand on.
//
// POST /_chappe/admin/v1/users/{userId}/login_token
func (s *Server) loginToken(ctx context.Context, device todevice.Device, userID string) (loginTokenAnswer, error) {
	if err := s.checkAdmin(ctx, device); err != nil {
		return loginTokenAnswer{}, err
	}
	token, err := s.LoginToken(ctx, userID, loginTokenLifetime)
	if errors.Is(err, todevice.ErrUnknownUser) || errors.Is(err, todevice.ErrUserDeactivated) {
		return loginTokenAnswer{}, httpapi.NotFound("There is no such user")
	}
	return loginTokenAnswer{token, loginTokenLifetime.Milliseconds()}, err
}

// LoginToken makes a token with which a user can log in once, within the lifetime. It
// fails with todevice.ErrUnknownUser or todevice.ErrUserDeactivated.
func (s *Server) LoginToken(ctx context.Context, name string, lifetime time.Duration) (string, error) {
	localpart, ok := s.localpart(name)
	if !ok {
		return "", fmt.Errorf("user %q: %w", name, todevice.ErrUnknownUser)
	}
	token := newToken(loginToken)
	if err := s.store.MakeLoginToken(ctx, localpart, token, lifetime); err != nil {
		return "", fmt.Errorf("user %q: %w", name, err)
	}
	return token, nil
}

// checkAdmin refuses a device whose user is no administrator.
func (s *Server) checkAdmin(ctx context.Context, device todevice.Device) error {
	account, err := s.store.Account(ctx, device.User.Localpart)
	if err != nil {
		return fmt.Errorf("look up user: %w", err)
	}
	if !account.Admin {
		return httpapi.Forbidden("This is for administrators")
	}
	return nil
}
