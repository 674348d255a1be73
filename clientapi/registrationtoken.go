package clientapi

import (
	"context"
	"fmt"
	"net/http"

	"github.com/chappe-im/chappe/clientapi/uia"
	"github.com/chappe-im/chappe/internal/httpapi"
)

// checkOpen refuses to register anybody where registration is closed and no token
// opens it.
func (s *Server) checkOpen(ctx context.Context) error {
	if s.config.OpenRegistration {
		return nil
	}
	any, err := s.store.AnyRegistrationTokenValid(ctx)
	if err == nil && !any {
		err = httpapi.Forbidden("Registration is closed")
	}
	return err
}

// registrationStage is what a stranger must pass to register: nothing, or to show a
// registration token, which the session then remembers. It is checked again, and
// counted, when the account is made.
//
// https://spec.matrix.org/v1.15/client-server-api/#token-authenticated-registration
func (s *Server) registrationStage(ctx context.Context, session *registering) (uia.Stage, error) {
	if err := s.checkOpen(ctx); err != nil {
		return uia.Stage{}, err
	}
	if s.config.OpenRegistration {
		return uia.Dummy(), nil
	}
	return uia.Stage{Type: uia.StageRegistrationToken, Check: func(ctx context.Context, auth uia.Auth) error {
		valid, err := s.store.RegistrationTokenValid(ctx, auth.Token)
		if err == nil && !valid {
			err = uia.Refusal("The registration token is not valid")
		}
		if err == nil {
			session.token = auth.Token
		}
		return err
	}}, nil
}

type validityAnswer struct {
	Valid bool `json:"valid"`
}

func readValidity(r *http.Request) (token string, err error) {
	if token = r.URL.Query().Get("token"); token == "" {
		return "", httpapi.MissingParam("Missing parameter: token")
	}
	return token, nil
}

// validity tells whether an account could be made with a registration token now.
//
// GET /_matrix/client/v1/register/m.login.registration_token/validity
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv1registermloginregistration_tokenvalidity
func (s *Server) validity(ctx context.Context, token string) (validityAnswer, error) {
	if err := s.checkOpen(ctx); err != nil {
		return validityAnswer{}, err
	}
	valid, err := s.store.RegistrationTokenValid(ctx, token)
	if err != nil {
		return validityAnswer{}, fmt.Errorf("check the registration token: %w", err)
	}
	return validityAnswer{valid}, nil
}
