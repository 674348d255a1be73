package todevice

import (
	"encoding/json"

	"github.com/matrix-org/gomatrixserverlib"
)

// A KeyObject is an object in which a server has published its keys, as it was
// written and signed there.
//
// https://spec.matrix.org/v1.15/server-server-api/#publishing-keys
type KeyObject struct {
	JSON json.RawMessage
	// Keys are those of which no later object is known. A key stands in one only.
	Keys []gomatrixserverlib.KeyID
}
