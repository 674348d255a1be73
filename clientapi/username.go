package clientapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

type availableAnswer struct {
	Available bool `json:"available"`
}

func readAvailable(r *http.Request) (localpart string, err error) {
	names, ok := r.URL.Query()["username"]
	if !ok {
		return "", httpapi.MissingParam("Missing parameter: username")
	}
	return foldCase(names[0]), nil
}

// available tells whether a name could be registered now.
//
// GET /_matrix/client/v3/register/available
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3registeravailable
func (s *Server) available(ctx context.Context, localpart string) (availableAnswer, error) {
	// Where nobody can register, this would only tell strangers who is here.
	if err := s.checkOpen(ctx); err != nil {
		return availableAnswer{}, err
	}
	if err := s.checkLocalpart(ctx, localpart); err != nil {
		return availableAnswer{}, err
	}
	return availableAnswer{Available: true}, nil
}

// checkLocalpart refuses a name that cannot be registered.
func (s *Server) checkLocalpart(ctx context.Context, localpart string) error {
	if !todevice.ValidLocalpart(localpart, s.config.ServerName) {
		return httpapi.BadRequest(spec.ErrorInvalidUsername,
			"A user name is made of a-z, 0-9 and ._=-/+ and makes a user ID of at most 255 bytes")
	}
	if s.isReserved(localpart) {
		return httpapi.BadRequest(spec.ErrorExclusive, "Names that begin like this are reserved")
	}
	_, err := s.store.Account(ctx, localpart)
	if errors.Is(err, todevice.ErrUnknownUser) {
		return nil
	}
	if err != nil && !errors.Is(err, todevice.ErrUserDeactivated) {
		return fmt.Errorf("look up user: %w", err)
	}
	return userInUse()
}

// Reserve has these prefixes, and no others, begin the names that no client may
// register from now on. See Config.ReservedPrefixes.
func (s *Server) Reserve(prefixes []string) {
	prefixes = slices.Clone(prefixes)
	s.reserved.Store(&prefixes)
}

func (s *Server) isReserved(localpart string) bool {
	for _, prefix := range *s.reserved.Load() {
		if prefix != "" && strings.HasPrefix(localpart, prefix) {
			return true
		}
	}
	return false
}

func userInUse() error {
	return httpapi.BadRequest(spec.ErrorUserInUse, "This user name is taken")
}

// foldCase makes A-Z small and leaves all else. Unicode's folding would turn the
// Kelvin sign into a plain k, and so make one name of two.
func foldCase(name string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, name)
}
