package todevice

import "time"

// An Account is a local user.
type Account struct {
	Localpart string
	// PasswordHash is the encoded hash of the password, "" where no password can
	// log in (an RTM user has none).
	PasswordHash string
	Admin        bool
}

// A Login asks for a device and an access token for it.
type Login struct {
	DeviceID string
	// DisplayName is taken only if the device is new.
	DisplayName string
	// Token becomes the device's one access token; older ones stop working.
	Token string
	// RemoteAddr is the client's IP address.
	RemoteAddr string
}

// DeviceInfo is what a user is shown of a device.
type DeviceInfo struct {
	ID          string
	DisplayName string    // "" where the device has no name
	LastSeenIP  string    // "" where unknown
	LastSeen    time.Time // zero where unknown
}
