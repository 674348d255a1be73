package clientapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/clientapi/limits"
	"github.com/chappe-im/chappe/clientapi/passwords"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// The ways to log in.
const (
	loginPassword = "m.login.password"
	loginByToken  = "m.login.token"
)

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
	return loginFlowsAnswer{Flows: []loginFlow{{Type: loginPassword}, {Type: loginByToken}}}, nil
}

type loginQuery struct {
	token      string // a login token, "" where it is by user and password
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
	Token    string `json:"token"`
}

func readLogin(r *http.Request) (loginQuery, error) {
	var body loginBody
	if err := httpapi.ReadJSON(r, &body); err != nil {
		return loginQuery{}, err
	}
	if err := body.check(); err != nil {
		return loginQuery{}, err
	}
	query := loginQuery{device: body.newDevice, remoteAddr: httpapi.ClientAddress(r)}
	switch body.Type {
	case "":
		return loginQuery{}, httpapi.MissingParam("Missing parameter: type")
	case loginPassword:
		return query.byPassword(body)
	case loginByToken:
		if query.token = body.Token; query.token == "" {
			return loginQuery{}, httpapi.MissingParam("Missing parameter: token")
		}
		return query, nil
	default:
		return loginQuery{}, httpapi.BadRequest(spec.ErrorUnknown, "This login type is not supported")
	}
}

func (q loginQuery) byPassword(b loginBody) (loginQuery, error) {
	q.user = b.User
	if b.Identifier != nil {
		if b.Identifier.Type != "m.id.user" {
			return loginQuery{}, httpapi.BadRequest(spec.ErrorUnknown, "This identifier type is not supported")
		}
		q.user = b.Identifier.User
	}
	if q.user == "" {
		return loginQuery{}, httpapi.MissingParam("Missing parameter: user")
	}
	if b.Password == "" {
		return loginQuery{}, httpapi.MissingParam("Missing parameter: password")
	}
	q.password = passwords.DigestOf(b.Password)
	return q, nil
}

// login checks the password or takes the login token, and gives an access token for a
// device: a new one, or the one named, whose queue stays as it is and whose older
// tokens end.
//
// POST /_matrix/client/v3/login
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3login
func (s *Server) login(ctx context.Context, q loginQuery) (accountAnswer, error) {
	login := q.device.login(q.remoteAddr)
	device, err := s.loginDevice(ctx, q, login)
	switch {
	case errors.Is(err, todevice.ErrUnknownUser):
		return accountAnswer{}, wrongPassword()
	case errors.Is(err, todevice.ErrUnknownToken):
		return accountAnswer{}, httpapi.Forbidden("The login token is unknown, used, or has expired")
	case errors.Is(err, todevice.ErrNameInUse):
		return accountAnswer{}, httpapi.InvalidParam("device_id is that of one of your cross-signing keys")
	case errors.Is(err, todevice.ErrTooManyDevices):
		return accountAnswer{}, httpapi.Forbidden("You have too many devices: log one out, or log in as one of them")
	case err != nil:
		return accountAnswer{}, fmt.Errorf("log in: %w", err)
	}
	answer := s.loggedIn(device, login)
	answer.WellKnown = s.discovery()
	return answer, nil
}

func (s *Server) loginDevice(ctx context.Context, q loginQuery, login todevice.Login) (todevice.Device, error) {
	if q.token != "" {
		return s.store.LoginByToken(ctx, q.token, login)
	}
	localpart, ok := s.localpart(q.user)
	if !ok {
		return todevice.Device{}, httpapi.Forbidden("This user is not of this server")
	}
	var err error
	if login.PasswordHash, err = s.checkPassword(ctx, localpart, q); err != nil {
		return todevice.Device{}, err
	}
	return s.store.Login(ctx, localpart, login)
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
// and after the same work. It gives the hash that the password is right for.
func (s *Server) checkPassword(ctx context.Context, localpart string, q loginQuery) (hash string, err error) {
	account, err := s.store.Account(ctx, localpart)
	if errors.Is(err, todevice.ErrUserDeactivated) {
		return "", userDeactivated()
	}
	if err != nil && !errors.Is(err, todevice.ErrUnknownUser) {
		return "", fmt.Errorf("look up user: %w", err)
	}
	guess, err := s.sideOf(ctx, localpart, q.remoteAddr)
	if err != nil {
		return "", err
	}
	ok, err := s.matches(ctx, limits.Login, guess, account.PasswordHash, q.password)
	if err == nil && !ok {
		err = wrongPassword()
	}
	return account.PasswordHash, err
}

func userDeactivated() error {
	return &httpapi.Error{Status: http.StatusForbidden,
		Body: spec.MatrixError{ErrCode: "M_USER_DEACTIVATED", Err: "This account has been deactivated"}}
}

func wrongPassword() error { return httpapi.Forbidden("Wrong user name or password") }
