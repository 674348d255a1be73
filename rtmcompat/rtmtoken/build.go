package rtmtoken

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// maxUID is the greatest length of an uid in bytes.
const maxUID = 64

// The errors of Build that are about the app.
var (
	ErrNoCertificate = errors.New("the app has no certificate, so that no token is good for it")
	errAppID         = errors.New("an app ID has 32 characters")
)

// Build makes a token that lets the user in from now on, for the given life in whole
// seconds.
func Build(format Format, app App, uid string, now time.Time, life time.Duration) (string, error) {
	switch {
	case app.Certificate == "":
		return "", ErrNoCertificate
	case len(app.ID) != appIDLength:
		return "", errAppID
	case uid == "" || len(uid) > maxUID:
		return "", errors.New("an uid has 1 to 64 characters")
	case life < time.Second || life > MaxLife:
		return "", errors.New("a token is good for one second at least and 24 hours at most")
	case now.Unix() < 0 || now.Unix() > math.MaxUint32-seconds(MaxLife):
		return "", errors.New("the clock is in a year that tokens cannot tell")
	}
	issued, length := uint32(now.Unix()), uint32(seconds(life))
	switch format {
	case V006:
		return app.build006(uid, issued, length, salt()), nil
	case V007:
		return app.build007(uid, issued, length, salt()), nil
	default:
		return "", errors.New("the format of a token is 006 or 007")
	}
}

// salt makes two tokens for the same user and second differ.
func salt() uint32 {
	var bits [4]byte
	_, _ = rand.Read(bits[:]) // documented never to fail
	return binary.LittleEndian.Uint32(bits[:])
}
