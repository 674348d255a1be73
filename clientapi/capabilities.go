package clientapi

import (
	"context"

	"github.com/chappe-im/chappe/todevice"
)

type capabilitiesAnswer struct {
	Capabilities capabilities `json:"capabilities"`
}

// capabilities are what the server can do; what stands here as false a client takes
// for possible where it is missing.
type capabilities struct {
	ChangePassword enabled      `json:"m.change_password"`
	SetDisplayName enabled      `json:"m.set_displayname"`
	SetAvatarURL   enabled      `json:"m.set_avatar_url"`
	ThirdPartyIDs  enabled      `json:"m.3pid_changes"`
	LoginToken     enabled      `json:"m.get_login_token"`
	RoomVersions   roomVersions `json:"m.room_versions"`
}

type enabled struct {
	Enabled bool `json:"enabled"`
}

type roomVersions struct {
	Default   string            `json:"default"`
	Available map[string]string `json:"available"`
}

// roomVersion is named although no room can be made: clients read it unguarded.
const roomVersion = "11"

// capabilities tells what the server can do.
//
// GET /_matrix/client/v3/capabilities
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3capabilities
func (s *Server) capabilities(context.Context, todevice.Device, struct{}) (capabilitiesAnswer, error) {
	return capabilitiesAnswer{capabilities{
		ChangePassword: enabled{true},
		SetDisplayName: enabled{true},
		SetAvatarURL:   enabled{true},
		RoomVersions:   roomVersions{Default: roomVersion, Available: map[string]string{roomVersion: "stable"}},
	}}, nil
}
