package clientapi

import (
	"context"

	"github.com/chappe-im/chappe/internal/httpapi"
)

type wellKnownAnswer struct {
	Homeserver struct {
		BaseURL string `json:"base_url"`
	} `json:"m.homeserver"`
}

// wellKnown tells clients that know only the server name where to go.
//
// GET /.well-known/matrix/client
// https://spec.matrix.org/v1.15/client-server-api/#getwell-knownmatrixclient
func (s *Server) wellKnown(context.Context, struct{}) (*wellKnownAnswer, error) {
	answer := s.discovery()
	if answer == nil {
		return nil, httpapi.NotFound("No base URL is configured")
	}
	return answer, nil
}

// discovery gives the discovery information, nil where none is configured.
func (s *Server) discovery() *wellKnownAnswer {
	if s.config.BaseURL == "" {
		return nil
	}
	answer := new(wellKnownAnswer)
	answer.Homeserver.BaseURL = s.config.BaseURL
	return answer
}
