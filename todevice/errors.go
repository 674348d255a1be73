package todevice

import "errors"

// What a caller of storage must tell apart.
var (
	// ErrUnknownDevice: the device does not exist, or no longer.
	ErrUnknownDevice = errors.New("unknown device")
	// ErrUnknownUser: no local user has this name.
	ErrUnknownUser = errors.New("unknown user")
	// ErrUserExists: the name is taken.
	ErrUserExists = errors.New("user exists")
	// ErrUnknownToken: no device holds this access token.
	ErrUnknownToken = errors.New("unknown access token")
	// ErrInboxFull: an inbox among the recipients holds as much as it may. The
	// batch was refused whole.
	ErrInboxFull = errors.New("the inbox of a recipient is full")
	// ErrContentTooLarge: a content is over MaxContent bytes of canonical JSON.
	ErrContentTooLarge = errors.New("content over 65536 bytes")
	// ErrContentNotCanonical: a content cannot be written as canonical JSON, and so
	// could not be signed for another server.
	ErrContentNotCanonical = errors.New("content is not canonical JSON")
)

// MaxContent is the largest content a message may have, in bytes of canonical
// JSON. The specification names no limit; other servers hold this one.
const MaxContent = 65536
