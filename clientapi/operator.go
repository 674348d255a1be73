package clientapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/chappe-im/chappe/clientapi/passwords"
	"github.com/chappe-im/chappe/todevice"
)

// DeactivateUser ends an account for ever, as an operator does at the command line.
func (s *Server) DeactivateUser(ctx context.Context, name string) error {
	localpart, ok := s.localpart(name)
	if !ok {
		return fmt.Errorf("user %q: %w", name, todevice.ErrUnknownUser)
	}
	if err := s.deactivate(ctx, localpart); err != nil {
		return fmt.Errorf("user %q: %w", name, err)
	}
	return nil
}

// ResetPassword gives a user another password, as an operator does at the command line,
// and logs all devices out.
func (s *Server) ResetPassword(ctx context.Context, name, password string) error {
	localpart, ok := s.localpart(name)
	if !ok {
		return fmt.Errorf("user %q: %w", name, todevice.ErrUnknownUser)
	}
	change := todevice.PasswordChange{Localpart: localpart, LogOut: true}
	if err := s.setPassword(ctx, passwords.DigestOf(password), change); err != nil {
		return fmt.Errorf("user %q: %w", name, err)
	}
	return nil
}

// AddRegistrationToken makes a token for strangers to register with. It makes one up
// where none is given.
func (s *Server) AddRegistrationToken(ctx context.Context, r todevice.RegistrationToken) (token string, err error) {
	if r.Token == "" {
		r.Token = strings.ToLower(rand.Text()[:20])
	}
	// The opaque identifier grammar.
	if !regexp.MustCompile(`^[0-9A-Za-z._~-]{1,64}$`).MatchString(r.Token) {
		return "", errors.New("a token has 1 to 64 of the characters A-Z, a-z, 0-9 and ._~-")
	}
	return r.Token, s.store.AddRegistrationToken(ctx, r)
}
