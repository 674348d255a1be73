package clientapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// deviceAnswer has all four keys always, null where nothing is known: one SDK
// refuses a device without them.
type deviceAnswer struct {
	DeviceID    string  `json:"device_id"`
	DisplayName *string `json:"display_name"`
	LastSeenIP  *string `json:"last_seen_ip"`
	LastSeenTS  *int64  `json:"last_seen_ts"` // Unix time in milliseconds
}

type devicesAnswer struct {
	Devices []deviceAnswer `json:"devices"`
}

// devices lists the devices of the user.
//
// GET /_matrix/client/v3/devices
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3devices
func (s *Server) devices(ctx context.Context, device todevice.Device, _ struct{}) (devicesAnswer, error) {
	infos, err := s.store.Devices(ctx, device.User.Localpart)
	if err != nil {
		return devicesAnswer{}, fmt.Errorf("list devices: %w", err)
	}
	answer := devicesAnswer{Devices: make([]deviceAnswer, 0, len(infos))}
	for _, info := range infos {
		answer.Devices = append(answer.Devices, describe(info))
	}
	return answer, nil
}

func readDevice(r *http.Request) (deviceID string, err error) {
	return httpapi.PathVar(r, "deviceId")
}

// device shows one device of the user.
//
// GET /_matrix/client/v3/devices/{deviceId}
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3devicesdeviceid
func (s *Server) device(ctx context.Context, device todevice.Device, deviceID string) (deviceAnswer, error) {
	infos, err := s.store.Devices(ctx, device.User.Localpart)
	if err != nil {
		return deviceAnswer{}, fmt.Errorf("list devices: %w", err)
	}
	i := slices.IndexFunc(infos, func(info todevice.DeviceInfo) bool { return info.ID == deviceID })
	if i < 0 {
		return deviceAnswer{}, httpapi.NotFound("You have no such device")
	}
	return describe(infos[i]), nil
}

func describe(info todevice.DeviceInfo) deviceAnswer {
	answer := deviceAnswer{DeviceID: info.ID}
	if info.DisplayName != "" {
		answer.DisplayName = &info.DisplayName
	}
	if info.LastSeenIP != "" {
		answer.LastSeenIP = &info.LastSeenIP
	}
	if !info.LastSeen.IsZero() {
		ts := info.LastSeen.UnixMilli()
		answer.LastSeenTS = &ts
	}
	return answer
}
