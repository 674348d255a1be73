package clientapi

import (
	"context"
	"errors"
	"fmt"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// logout deletes the device with all that waits for it.
//
// POST /_matrix/client/v3/logout
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3logout
func (s *Server) logout(ctx context.Context, device todevice.Device, _ struct{}) (httpapi.Empty, error) {
	// A client that hangs up now must not keep the device's /sync from ending.
	err := s.store.DeleteDevice(context.WithoutCancel(ctx), device.Inbox)
	// Whoever deleted it meanwhile did what was asked for.
	if err != nil && !errors.Is(err, todevice.ErrUnknownDevice) {
		return httpapi.Empty{}, fmt.Errorf("delete device: %w", err)
	}
	s.notifier.Wake(device.Inbox)
	return httpapi.Empty{}, nil
}

// logoutAll deletes every device of the user.
//
// POST /_matrix/client/v3/logout/all
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3logoutall
func (s *Server) logoutAll(ctx context.Context, device todevice.Device, _ struct{}) (httpapi.Empty, error) {
	inboxes, err := s.store.DeleteDevices(context.WithoutCancel(ctx), device.User.Localpart)
	if err != nil {
		return httpapi.Empty{}, fmt.Errorf("delete devices: %w", err)
	}
	s.notifier.Wake(inboxes...)
	return httpapi.Empty{}, nil
}
