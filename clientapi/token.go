package clientapi

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
)

// The kinds of tokens, as they begin.
const (
	accessToken  = "chappe_"
	refreshToken = "chappe_refresh_"
	loginToken   = "chappe_login_"
)

// newToken makes a token of 256 random bits. The beginning lets scanners for leaked
// secrets know one when they see it.
func newToken(kind string) string {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails: see its documentation
	return kind + base64.RawURLEncoding.EncodeToString(secret[:])
}

// newDeviceID makes a device ID of ten capital letters and digits. It need only
// be unlike the same user's others.
func newDeviceID() string { return rand.Text()[:10] }

// newLocalpart makes a name for who asks for none.
func newLocalpart() string { return strings.ToLower(rand.Text()[:16]) }
