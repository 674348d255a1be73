package todevice

// A Profile is what a user shows of themselves.
//
// https://spec.matrix.org/v1.15/client-server-api/#profiles
type Profile struct {
	DisplayName string // "" where the user has none
	AvatarURL   string // "" where the user has none
}

// A ProfileChange says what of a profile is to be replaced; nil leaves it as it is.
type ProfileChange struct {
	DisplayName, AvatarURL *string
}
