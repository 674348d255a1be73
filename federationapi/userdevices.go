package federationapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

type userDevicesAnswer struct {
	UserID         string            `json:"user_id"`
	StreamID       todevice.Position `json:"stream_id"`
	Devices        []userDevice      `json:"devices"`
	MasterKey      json.RawMessage   `json:"master_key,omitempty"`
	SelfSigningKey json.RawMessage   `json:"self_signing_key,omitempty"`
}

type userDevice struct {
	DeviceID    string          `json:"device_id"`
	DisplayName string          `json:"device_display_name,omitempty"`
	Keys        json.RawMessage `json:"keys"`
}

func readUserDevices(r *http.Request, _ json.RawMessage) (userID string, err error) {
	return httpapi.PathVar(r, "userId")
}

// userDevices: GET /_matrix/federation/v1/user/devices/{userId}
//
// It lists the devices that have keys. The stream ID is that of this very list.
//
// https://spec.matrix.org/v1.15/server-server-api/#get_matrixfederationv1userdevicesuserid
func (s *Server) userDevices(ctx context.Context, origin spec.ServerName, userID string) (userDevicesAnswer, error) {
	localpart, ok := s.local(userID)
	if !ok {
		return userDevicesAnswer{}, httpapi.InvalidParam("This is not a user of this server")
	}
	if err := s.store.NoteRemoteInterest(ctx, origin, []string{localpart}); err != nil {
		return userDevicesAnswer{}, fmt.Errorf("list devices: %w", err)
	}
	list, err := s.store.DeviceList(ctx, localpart)
	if errors.Is(err, todevice.ErrUnknownUser) {
		return userDevicesAnswer{}, httpapi.NotFound("There is no such user")
	}
	if err != nil {
		return userDevicesAnswer{}, fmt.Errorf("list devices: %w", err)
	}
	answer := userDevicesAnswer{
		UserID:         userID,
		StreamID:       list.StreamID,
		Devices:        make([]userDevice, 0, len(list.Devices)),
		MasterKey:      list.Master,
		SelfSigningKey: list.SelfSigning,
	}
	for _, d := range list.Devices {
		answer.Devices = append(answer.Devices, userDevice{DeviceID: d.DeviceID, DisplayName: d.DisplayName, Keys: d.Keys})
	}
	return answer, nil
}
