package clientapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/clientapi/passwords"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

const loginPassword = "m.login.password"

type loginFlowsAnswer struct {
	Flows []loginFlow `json:"flows"`
}

type loginFlow struct {
	Type string `json:"type"`
}

// loginFlows lists the ways to log in.
//
// GET /_matrix/client/v3/login
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3login
func (s *Server) loginFlows(context.Context, struct{}) (loginFlowsAnswer, error) {
	return loginFlowsAnswer{Flows: []loginFlow{{Type: loginPassword}}}, nil
}

type loginQuery struct {
	user       string // as typed: a user ID or a localpart, in any case
	password   passwords.Digest
	device     newDevice
	remoteAddr string
}

type loginBody struct {
	newDevice
	Type       string `json:"type"`
	Identifier *struct {
		Type string `json:"type"`
		User string `json:"user"`
	} `json:"identifier"`
	// User is the form from before there were identifiers.
	User     string `json:"user"`
	Password string `json:"password"`
}

func readLogin(r *http.Request) (loginQuery, error) {
	var body loginBody
	if err := httpapi.ReadJSON(r, &body); err != nil {
		return loginQuery{}, err
	}
	user, err := body.user()
	if err != nil {
		return loginQuery{}, err
	}
	if body.Password == "" {
		return loginQuery{}, httpapi.MissingParam("Missing parameter: password")
	}
	if err := body.check(); err != nil {
		return loginQuery{}, err
	}
	return loginQuery{
		user:       user,
		password:   passwords.DigestOf(body.Password),
		device:     body.newDevice,
		remoteAddr: remoteAddr(r),
	}, nil
}

// user checks how the client wants to log in, and gives as whom.
func (b loginBody) user() (string, error) {
	if b.Type == "" {
		return "", httpapi.MissingParam("Missing parameter: type")
	}
	if b.Type != loginPassword {
		return "", httpapi.BadRequest(spec.ErrorUnknown, "This login type is not supported")
	}
	user := b.User
	if b.Identifier != nil {
		if b.Identifier.Type != "m.id.user" {
			return "", httpapi.BadRequest(spec.ErrorUnknown, "This identifier type is not supported")
		}
		user = b.Identifier.User
	}
	if user == "" {
		return "", httpapi.MissingParam("Missing parameter: user")
	}
	return user, nil
}

// login checks the password and gives an access token for a device: a new one,
// or the one named, whose queue stays as it is and whose older tokens end.
//
// POST /_matrix/client/v3/login
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3login
func (s *Server) login(ctx context.Context, q loginQuery) (accountAnswer, error) {
	localpart, ok := s.localpart(q.user)
	if !ok {
		return accountAnswer{}, httpapi.Forbidden("This user is not of this server")
	}
	if err := s.checkPassword(ctx, localpart, q.password); err != nil {
		return accountAnswer{}, err
	}
	login := q.device.login(q.remoteAddr)
	device, err := s.store.Login(ctx, localpart, login)
	if errors.Is(err, todevice.ErrUnknownUser) {
		return accountAnswer{}, wrongPassword()
	}
	if err != nil {
		return accountAnswer{}, fmt.Errorf("log in: %w", err)
	}
	answer := s.loggedIn(device, login)
	answer.WellKnown = s.discovery()
	return answer, nil
}

// localpart gives the name a user typed as it is stored, and whether it can be
// one of this server's.
func (s *Server) localpart(user string) (string, bool) {
	if !strings.HasPrefix(user, "@") {
		return foldCase(user), true
	}
	id, err := todevice.ParseUserID(user)
	return foldCase(id.Localpart), err == nil && id.Server == s.config.ServerName
}

// checkPassword refuses a wrong password and an unknown user in the same words
// and after the same work.
func (s *Server) checkPassword(ctx context.Context, localpart string, password passwords.Digest) error {
	account, err := s.store.Account(ctx, localpart)
	if errors.Is(err, todevice.ErrUserDeactivated) {
		return userDeactivated()
	}
	if err != nil && !errors.Is(err, todevice.ErrUnknownUser) {
		return fmt.Errorf("look up user: %w", err)
	}
	ok, err := s.passwords.Matches(ctx, account.PasswordHash, password)
	if err != nil {
		return err
	}
	if !ok {
		return wrongPassword()
	}
	return nil
}

func userDeactivated() error {
	return &httpapi.Error{Status: http.StatusForbidden,
		Body: spec.MatrixError{ErrCode: "M_USER_DEACTIVATED", Err: "This account has been deactivated"}}
}

func wrongPassword() error { return httpapi.Forbidden("Wrong user name or password") }
