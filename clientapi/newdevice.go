package clientapi

import (
	"unicode/utf8"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

const (
	maxDeviceID    = 255 // bytes
	maxDisplayName = 100 // characters
)

// newDevice is what a request that logs in says of its device.
type newDevice struct {
	ID          string `json:"device_id"`
	DisplayName string `json:"initial_device_display_name"`
	// Refresh is true if the client can refresh an access token that expires. One that
	// cannot gets a token that does not.
	Refresh bool `json:"refresh_token"`
}

func (d newDevice) check() error {
	switch {
	case len(d.ID) > maxDeviceID:
		return httpapi.InvalidParam("device_id is over 255 bytes")
	case d.ID == todevice.AllDevices:
		// A message to this device would go to all of the user's.
		return httpapi.InvalidParam("device_id must not be *")
	case utf8.RuneCountInString(d.DisplayName) > maxDisplayName:
		return httpapi.InvalidParam("initial_device_display_name is over 100 characters")
	}
	return nil
}

// login makes the tokens for the device, and an ID where it has none.
func (d newDevice) login(remoteAddr string) todevice.Login {
	if d.ID == "" {
		d.ID = newDeviceID()
	}
	login := todevice.Login{
		DeviceID:    d.ID,
		DisplayName: d.DisplayName,
		Token:       newToken(accessToken),
		RemoteAddr:  remoteAddr,
	}
	if d.Refresh {
		login.RefreshToken, login.Lifetime = newToken(refreshToken), accessLifetime
	}
	return login
}
