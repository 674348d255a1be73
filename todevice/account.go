package todevice

import "time"

// An Account is a local user.
type Account struct {
	Localpart string
	// PasswordHash is the encoded hash of the password, "" where no password can
	// log in (an RTM user has none).
	PasswordHash string
	Admin        bool
	// RegistrationToken, where it is not "", is what the account is made with: a use of
	// it is counted.
	RegistrationToken string
}

// AccountInfo is what an operator is shown of a user.
type AccountInfo struct {
	Localpart   string
	Admin       bool
	Devices     int
	Created     time.Time
	Deactivated time.Time // zero for a user who is not
}

// A Login asks for a device and an access token for it.
type Login struct {
	DeviceID string
	// DisplayName is taken only if the device is new.
	DisplayName string
	// Token becomes the device's one access token; older ones stop working.
	Token string
	// RefreshToken, where it is not "", is for having another once Token has expired.
	RefreshToken string
	// Lifetime is how long Token works, 0 for as long as the device.
	Lifetime time.Duration
	// PasswordHash is what the password was checked with, "" where the login is not by
	// password. One that was changed meanwhile logs nobody in.
	PasswordHash string
	// RemoteAddr is the client's IP address.
	RemoteAddr string
}

// Tokens are what a device gets for a refresh token.
type Tokens struct {
	Access   string
	Lifetime time.Duration // of Access
	Refresh  string
}

// A RegistrationToken lets strangers make accounts where registration is closed.
type RegistrationToken struct {
	Token string
	// Uses is how many accounts may be made with it, 0 for any number.
	Uses int
	// Used is how many were.
	Used    int
	Expires time.Time // zero for never
	Created time.Time
}

// A PasswordChange gives a user another password.
type PasswordChange struct {
	Localpart    string
	PasswordHash string
	// LogOut deletes the user's devices, all but the one of Except.
	LogOut bool
	// Except is the inbox of the device that wants the change, 0 where none does. The
	// change is refused if that is gone.
	Except InboxID
}

// DeviceInfo is what a user is shown of a device.
type DeviceInfo struct {
	ID          string
	DisplayName string    // "" where the device has no name
	LastSeenIP  string    // "" where unknown
	LastSeen    time.Time // zero where unknown
}
