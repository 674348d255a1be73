package clientapi

import (
	"context"
	"errors"
	"fmt"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

type whoisAnswer struct {
	UserID  string                 `json:"user_id"`
	Devices map[string]whoisDevice `json:"devices"`
}

type whoisDevice struct {
	Sessions []whoisSession `json:"sessions"`
}

type whoisSession struct {
	Connections []whoisConnection `json:"connections"`
}

type whoisConnection struct {
	IP       *string `json:"ip,omitempty"`
	LastSeen *int64  `json:"last_seen,omitempty"` // Unix time in milliseconds
}

// whois shows from where the devices of a user have logged in: to the user, and to
// administrators.
//
// GET /_matrix/client/v3/admin/whois/{userId}
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3adminwhoisuserid
func (s *Server) whois(ctx context.Context, device todevice.Device, userID string) (whoisAnswer, error) {
	localpart, ok := s.localpart(userID)
	if !ok || localpart != device.User.Localpart {
		if err := s.checkAdmin(ctx, device); err != nil {
			return whoisAnswer{}, err
		}
	}
	if !ok {
		return whoisAnswer{}, httpapi.NotFound("This is not a user of this server")
	}
	_, err := s.store.Account(ctx, localpart)
	if errors.Is(err, todevice.ErrUnknownUser) || errors.Is(err, todevice.ErrUserDeactivated) {
		return whoisAnswer{}, httpapi.NotFound("There is no such user")
	}
	if err != nil {
		return whoisAnswer{}, fmt.Errorf("look up user: %w", err)
	}
	infos, err := s.store.Devices(ctx, localpart)
	if err != nil {
		return whoisAnswer{}, fmt.Errorf("list devices: %w", err)
	}
	user := todevice.UserID{Localpart: localpart, Server: s.config.ServerName}
	answer := whoisAnswer{UserID: user.String(), Devices: make(map[string]whoisDevice, len(infos))}
	for _, info := range infos {
		seen := describe(info)
		connection := whoisConnection{IP: seen.LastSeenIP, LastSeen: seen.LastSeenTS}
		answer.Devices[info.ID] = whoisDevice{[]whoisSession{{[]whoisConnection{connection}}}}
	}
	return answer, nil
}
