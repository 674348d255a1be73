package clientapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/chappe-im/chappe/clientapi/passwords"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

type passwordQuery struct {
	proof
	password      passwords.Digest // "" where none was given
	logoutDevices bool
}

func readPassword(r *http.Request) (q passwordQuery, err error) {
	proof, members, err := readProof(r)
	if err != nil {
		return passwordQuery{}, err
	}
	q = passwordQuery{proof: proof, logoutDevices: true}
	if raw := rawjson.Present(members["new_password"]); raw != nil {
		password, ok := rawjson.Text(raw)
		if !ok {
			return passwordQuery{}, httpapi.BadJSON("new_password is not a string")
		}
		q.password = passwords.DigestOf(password)
	}
	if raw := rawjson.Present(members["logout_devices"]); raw != nil {
		err = httpapi.Decode(raw, &q.logoutDevices)
	}
	return q, err
}

// changePassword gives the user another password, and deletes the user's other devices
// unless they are to stay.
//
// POST /_matrix/client/v3/account/password
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3accountpassword
func (s *Server) changePassword(ctx context.Context, device todevice.Device, q passwordQuery) (httpapi.Empty, error) {
	if err := s.prove(ctx, device, q.proof); err != nil {
		return httpapi.Empty{}, err
	}
	err := s.setPassword(ctx, q.password, todevice.PasswordChange{
		Localpart: device.User.Localpart, LogOut: q.logoutDevices, Except: device.Inbox,
	})
	if errors.Is(err, todevice.ErrUnknownDevice) || errors.Is(err, todevice.ErrUserDeactivated) {
		return httpapi.Empty{}, httpapi.UnknownToken() // it ended meanwhile
	}
	return httpapi.Empty{}, err
}

// setPassword hashes the password and makes the change.
func (s *Server) setPassword(ctx context.Context, password passwords.Digest, change todevice.PasswordChange) error {
	if password == "" {
		return httpapi.MissingParam("Missing parameter: new_password")
	}
	var err error
	if change.PasswordHash, err = s.passwords.Hash(ctx, password); err != nil {
		return err
	}
	// A client that hangs up now must not keep the /sync of the devices from ending.
	gone, err := s.store.SetPassword(context.WithoutCancel(ctx), change)
	if err != nil {
		return fmt.Errorf("change the password: %w", err)
	}
	s.notifier.Wake(gone...)
	return nil
}
