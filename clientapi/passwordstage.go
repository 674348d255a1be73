package clientapi

import (
	"context"
	"errors"
	"fmt"

	"github.com/chappe-im/chappe/clientapi/limits"
	"github.com/chappe-im/chappe/clientapi/uia"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// PasswordStage is the stage that is passed by who knows the password of the device's
// own user. To name somebody else ends the request, whether the password is theirs or
// not.
//
// https://spec.matrix.org/v1.15/client-server-api/#password-based
func (s *Server) PasswordStage(device todevice.Device) uia.Stage {
	return uia.Stage{Type: uia.StagePassword, Check: func(ctx context.Context, auth uia.Auth) error {
		if auth.User == "" || auth.Password == "" {
			return uia.Refusal("Give your user ID as identifier, and your password")
		}
		if localpart, ok := s.localpart(auth.User); !ok || localpart != device.User.Localpart {
			return httpapi.Forbidden("This is not the user of the access token")
		}
		account, err := s.store.Account(ctx, device.User.Localpart)
		if errors.Is(err, todevice.ErrUserDeactivated) {
			return httpapi.UnknownToken() // it ended meanwhile
		}
		if err != nil {
			return fmt.Errorf("look up user: %w", err)
		}
		guess := limits.Guess{Localpart: device.User.Localpart, Device: device.ID}
		ok, err := s.matches(ctx, limits.Password, guess, account.PasswordHash, auth.Password)
		if err == nil && !ok {
			err = uia.Refusal("Wrong password")
		}
		return err
	}}
}
