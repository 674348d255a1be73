package clientapi

import (
	"context"
	"errors"
	"fmt"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/clientapi/passwords"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// accountAnswer tells a client who it is now.
type accountAnswer struct {
	UserID string `json:"user_id"`
	// AccessToken and DeviceID are left out where the client wished not to be
	// logged in.
	AccessToken string `json:"access_token,omitempty"`
	DeviceID    string `json:"device_id,omitempty"`
	// RefreshToken and ExpiresInMS are left out where the access token does not expire.
	RefreshToken string `json:"refresh_token,omitempty"`
	ExpiresInMS  int64  `json:"expires_in_ms,omitempty"`
	// HomeServer is deprecated, and some clients need it.
	HomeServer spec.ServerName  `json:"home_server"`
	WellKnown  *wellKnownAnswer `json:"well_known,omitempty"`
}

// loggedIn is the answer to a request that got a device and its tokens.
func (s *Server) loggedIn(device todevice.Device, login todevice.Login) accountAnswer {
	answer := s.notLoggedIn(device.User.Localpart)
	answer.AccessToken = login.Token
	answer.DeviceID = device.ID
	answer.RefreshToken = login.RefreshToken
	answer.ExpiresInMS = login.Lifetime.Milliseconds()
	return answer
}

func (s *Server) notLoggedIn(localpart string) accountAnswer {
	user := todevice.UserID{Localpart: localpart, Server: s.config.ServerName}
	return accountAnswer{UserID: user.String(), HomeServer: s.config.ServerName}
}

// newAccount is an account to be made of a name that has been checked.
type newAccount struct {
	localpart string
	password  passwords.Digest
	admin     bool
	token     string // a registration token to count a use of, "" for none
	// login is nil where the new user is not to be logged in.
	login *todevice.Login
}

// createAccount makes the user, and the device if there is to be one.
func (s *Server) createAccount(ctx context.Context, n newAccount) (accountAnswer, error) {
	if n.password == "" {
		return accountAnswer{}, httpapi.MissingParam("Missing parameter: password")
	}
	hashed, err := s.passwords.Hash(ctx, n.password)
	if err != nil {
		return accountAnswer{}, err
	}
	// A client that hangs up now must not leave an account of which the session
	// knows nothing: its retry would find the name taken.
	answer, err := s.storeAccount(context.WithoutCancel(ctx), n, hashed)
	if errors.Is(err, todevice.ErrUserExists) {
		return accountAnswer{}, userInUse()
	}
	if errors.Is(err, todevice.ErrRegistrationToken) {
		return accountAnswer{}, httpapi.Forbidden("The registration token has expired or been used up")
	}
	if err != nil {
		return accountAnswer{}, fmt.Errorf("create account: %w", err)
	}
	return answer, nil
}

func (s *Server) storeAccount(ctx context.Context, n newAccount, hashed string) (accountAnswer, error) {
	account := todevice.Account{Localpart: n.localpart, PasswordHash: hashed, Admin: n.admin, RegistrationToken: n.token}
	if n.login == nil {
		return s.notLoggedIn(n.localpart), s.store.CreateUser(ctx, account)
	}
	device, err := s.store.Register(ctx, account, *n.login)
	return s.loggedIn(device, *n.login), err
}
