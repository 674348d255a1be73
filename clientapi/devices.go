package clientapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/rawjson"
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

type renameQuery struct {
	deviceID string
	// displayName is nil where the name is to stay as it is.
	displayName *string
}

func readRename(r *http.Request) (q renameQuery, err error) {
	if q.deviceID, err = httpapi.PathVar(r, "deviceId"); err != nil {
		return renameQuery{}, err
	}
	body, err := httpapi.ReadObject(r)
	if err != nil || rawjson.Present(body["display_name"]) == nil {
		return q, err
	}
	name, ok := rawjson.Text(body["display_name"])
	if !ok {
		return renameQuery{}, httpapi.BadJSON("display_name is not a string")
	}
	if utf8.RuneCountInString(name) > maxDisplayName {
		return renameQuery{}, httpapi.InvalidParam("display_name is over 100 characters")
	}
	q.displayName = &name
	return q, nil
}

// renameDevice gives a device of the user another name. It makes none.
//
// PUT /_matrix/client/v3/devices/{deviceId}
// https://spec.matrix.org/v1.15/client-server-api/#put_matrixclientv3devicesdeviceid
func (s *Server) renameDevice(ctx context.Context, device todevice.Device, q renameQuery) (httpapi.Empty, error) {
	if q.displayName == nil {
		_, err := s.device(ctx, device, q.deviceID)
		return httpapi.Empty{}, err
	}
	err := s.store.RenameDevice(ctx, device.User.Localpart, q.deviceID, *q.displayName)
	if errors.Is(err, todevice.ErrUnknownDevice) {
		return httpapi.Empty{}, httpapi.NotFound("You have no such device")
	}
	if err != nil {
		return httpapi.Empty{}, fmt.Errorf("rename the device: %w", err)
	}
	return httpapi.Empty{}, nil
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
