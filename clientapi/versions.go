package clientapi

import (
	"context"
	"fmt"
	"net/http"

	"github.com/chappe-im/chappe/internal/httpapi"
)

type versionsAnswer struct {
	Versions         []string        `json:"versions"`
	UnstableFeatures map[string]bool `json:"unstable_features"`
}

func readVersions(r *http.Request) (token string, err error) {
	return httpapi.AccessToken(r), nil
}

// versions lists the releases of the specification that clients may go by.
//
// GET /_matrix/client/versions
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientversions
func (s *Server) versions(ctx context.Context, token string) (versionsAnswer, error) {
	if err := s.checkOptionalToken(ctx, token); err != nil {
		return versionsAnswer{}, err
	}
	return versionsAnswer{
		// Each is a promise, and clients choose paths and features by it.
		Versions: []string{
			"v1.1", "v1.2", "v1.3", "v1.4", "v1.5", "v1.6",
			"v1.7", "v1.8", "v1.9", "v1.10", "v1.11", "v1.12",
		},
		UnstableFeatures: map[string]bool{},
	}, nil
}

// checkOptionalToken refuses a token that is not valid. The answer would be the
// same without, but a client learns this way that it has been logged out.
func (s *Server) checkOptionalToken(ctx context.Context, token string) error {
	if token == "" {
		return nil
	}
	if _, err := s.store.Session(ctx, token); err != nil {
		return httpapi.TokenError(fmt.Errorf("check token: %w", err))
	}
	return nil
}
