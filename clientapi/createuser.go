package clientapi

import (
	"context"

	"github.com/chappe-im/chappe/clientapi/passwords"
	"github.com/chappe-im/chappe/todevice"
)

// CreateUser makes an account without a device, as an operator does at the command
// line. The name is checked as in a registration; that registration is closed does
// not matter.
func (s *Server) CreateUser(ctx context.Context, name, password string, admin bool) (todevice.UserID, error) {
	localpart := foldCase(name)
	if err := s.checkLocalpart(ctx, localpart); err != nil {
		return todevice.UserID{}, err
	}
	if _, err := s.createAccount(ctx, newAccount{localpart: localpart, password: passwords.DigestOf(password), admin: admin}); err != nil {
		return todevice.UserID{}, err
	}
	return todevice.UserID{Localpart: localpart, Server: s.config.ServerName}, nil
}
