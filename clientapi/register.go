package clientapi

import (
	"context"
	"net/http"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/clientapi/passwords"
	"github.com/chappe-im/chappe/clientapi/uia"
	"github.com/chappe-im/chappe/internal/httpapi"
)

// registration is what a client asks for beside authenticating. A session
// remembers it, so each part is checked, and short, before it gets here.
type registration struct {
	localpart    *string          // nil where any name will do; lower case
	password     passwords.Digest // "" where none was given
	device       newDevice
	inhibitLogin *bool // nil where nothing was said, which means false
}

// updatedBy gives the registration after a further request of the same session.
// What that leaves out stays as it was.
func (old registration) updatedBy(with registration) registration {
	if with.localpart != nil {
		old.localpart = with.localpart
	}
	if with.password != "" {
		old.password = with.password
	}
	if with.device.ID != "" {
		old.device.ID = with.device.ID
	}
	if with.device.DisplayName != "" {
		old.device.DisplayName = with.device.DisplayName
	}
	if with.device.Refresh {
		old.device.Refresh = true
	}
	if with.inhibitLogin != nil {
		old.inhibitLogin = with.inhibitLogin
	}
	return old
}

// A registering is what a session remembers of a registration.
type registering struct {
	registration registration   // what the requests so far asked for
	token        string         // the registration token the client has shown, "" for none
	result       *accountAnswer // nil until the account is made
}

type registerQuery struct {
	kind         string
	auth         uia.Auth
	registration registration
	remoteAddr   string
}

func readRegister(r *http.Request) (registerQuery, error) {
	var body struct {
		newDevice
		Auth         uia.Auth `json:"auth"`
		Username     *string  `json:"username"`
		Password     string   `json:"password"`
		InhibitLogin *bool    `json:"inhibit_login"`
	}
	if err := httpapi.ReadJSON(r, &body); err != nil {
		return registerQuery{}, err
	}
	if err := body.check(); err != nil {
		return registerQuery{}, err
	}
	query := registerQuery{
		kind:       r.URL.Query().Get("kind"),
		auth:       body.Auth,
		remoteAddr: httpapi.ClientAddress(r),
		registration: registration{
			password:     passwords.DigestOf(body.Password),
			device:       body.newDevice,
			inhibitLogin: body.InhibitLogin,
		},
	}
	if body.Username != nil {
		localpart := foldCase(*body.Username)
		query.registration.localpart = &localpart
	}
	return query, nil
}

// register makes an account, once the client has authenticated in a session or
// with one request. A finished session gives the same answer again.
//
// POST /_matrix/client/v3/register
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3register
func (s *Server) register(ctx context.Context, q registerQuery) (accountAnswer, error) {
	if err := checkKind(q.kind); err != nil {
		return accountAnswer{}, err
	}
	session, err := s.registrations.Resume(ctx, q.auth, uia.Operation{Request: "register"})
	if err != nil {
		return accountAnswer{}, err
	}
	defer session.End()
	if session.State.result != nil {
		return *session.State.result, nil
	}
	stage, err := s.registrationStage(ctx, &session.State)
	if err != nil {
		return accountAnswer{}, err
	}
	wanted := session.State.registration.updatedBy(q.registration)
	// Before authentication, so that nobody goes through it for a name that is not
	// to be had; in each request, as the name may have been taken meanwhile.
	if err := s.checkWanted(ctx, wanted.localpart); err != nil {
		return accountAnswer{}, err
	}
	session.State.registration = wanted
	if err := s.registrations.Authenticate(ctx, session, q.auth, stage); err != nil {
		return accountAnswer{}, err
	}
	account := s.accountFor(wanted, q.remoteAddr)
	account.token = session.State.token
	answer, err := s.createAccount(ctx, account)
	if err != nil {
		return accountAnswer{}, err
	}
	session.State.result = &answer
	return answer, nil
}

// checkKind refuses what this server lets nobody register.
func checkKind(kind string) error {
	switch kind {
	case "guest":
		return &httpapi.Error{Status: http.StatusForbidden, Body: spec.GuestAccessForbidden("There are no guests here")}
	case "", "user":
		return nil
	default:
		return httpapi.InvalidParam("kind must be user or guest")
	}
}

func (s *Server) checkWanted(ctx context.Context, localpart *string) error {
	if localpart == nil {
		return nil
	}
	return s.checkLocalpart(ctx, *localpart)
}

func (s *Server) accountFor(wanted registration, remoteAddr string) newAccount {
	account := newAccount{password: wanted.password}
	if wanted.localpart != nil {
		account.localpart = *wanted.localpart
	} else {
		account.localpart = s.freeLocalpart()
	}
	if wanted.inhibitLogin == nil || !*wanted.inhibitLogin {
		login := wanted.device.login(remoteAddr)
		account.login = &login
	}
	return account
}

// freeLocalpart makes a name outside the reserved ones. That it is free is as
// sure as that 80 random bits do not repeat.
func (s *Server) freeLocalpart() string {
	for range 100 {
		if name := newLocalpart(); !s.isReserved(name) {
			return name
		}
	}
	return "u-" + newLocalpart() // so many first letters are reserved
}
