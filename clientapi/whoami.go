package clientapi

import (
	"context"

	"github.com/chappe-im/chappe/todevice"
)

type whoamiAnswer struct {
	UserID   string `json:"user_id"`
	DeviceID string `json:"device_id"`
	IsGuest  bool   `json:"is_guest"`
}

// whoami tells whose the access token is.
//
// GET /_matrix/client/v3/account/whoami
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3accountwhoami
func (s *Server) whoami(_ context.Context, device todevice.Device, _ struct{}) (whoamiAnswer, error) {
	return whoamiAnswer{UserID: device.User.String(), DeviceID: device.ID}, nil
}
