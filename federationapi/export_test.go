package federationapi

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

// SetClock has the key ring go by another clock.
func (s *Server) SetClock(now func() time.Time) { s.keys.now = now }

// AwaitKeys waits for the keys that are being fetched.
func (s *Server) AwaitKeys() { s.keys.running.Wait() }

// A Signing is all that goes into the Authorization header of a request.
type Signing struct {
	Key         SigningKey
	Method, URI string
	Origin      spec.ServerName
	Destination spec.ServerName // "" leaves it out of the header
	SignedFor   spec.ServerName // the destination in the signed object
	Body        json.RawMessage
}

// Header gives the Authorization header.
func (s Signing) Header(t testing.TB) string {
	t.Helper()
	target := requestTarget{Destination: s.SignedFor, Method: s.Method, Origin: s.Origin, URI: s.URI}
	message, err := target.message(s.Body)
	if err != nil {
		t.Fatal(err)
	}
	return credential{Origin: s.Origin, Destination: s.Destination, Key: s.Key.ID, Signature: s.Key.sign(message)}.String()
}

// KeyOf gives the same key for the same version.
func KeyOf(version string) SigningKey { return testKey(version) }

// SignObject adds a key's signature to an object.
func SignObject(raw json.RawMessage, name spec.ServerName, key SigningKey) (json.RawMessage, error) {
	return signObject(raw, name, key)
}

// MaxBody is the size up to which a signed request is read.
const MaxBody = bodyLimit

// ErrPrivateAddress is what a connection to a private address fails with.
var ErrPrivateAddress = errPrivateAddress
