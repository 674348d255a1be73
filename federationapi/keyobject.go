package federationapi

import (
	"fmt"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

// CheckKeyObject reads the object in which a server publishes its keys, and checks
// it as it is before a request signed with one of them is accepted.
func CheckKeyObject(raw []byte, server spec.ServerName, now time.Time) ([]todevice.ServerKey, error) {
	keys, err := readServerKeys(raw, server, now)
	if err != nil {
		return nil, fmt.Errorf("check the key object: %w", err)
	}
	return keys, nil
}
