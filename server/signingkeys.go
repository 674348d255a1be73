package server

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/federationapi/signing"
)

// A PublicKey is what others may know of a signing key of a server.
type PublicKey struct {
	ID gomatrixserverlib.KeyID
	// Key is in unpadded base64.
	Key string
	// Expired is when the key was replaced, zero for the one in use.
	Expired time.Time
}

// Keys gives the keys in a configuration's data folder, the one in use first.
func Keys(cfg config.Config) ([]PublicKey, error) {
	key, err := signing.Load(keyPath(cfg))
	if err != nil {
		return nil, explained(cfg, err)
	}
	old, err := signing.LoadOld(keyPath(cfg), key)
	if err != nil {
		return nil, err
	}
	keys := []PublicKey{{ID: key.ID, Key: spec.Base64Bytes(key.Public()).Encode()}}
	for _, was := range old {
		keys = append(keys, PublicKey{ID: was.ID, Key: spec.Base64Bytes(was.Public).Encode(), Expired: was.Expired})
	}
	return keys, nil
}

// RotateKey gives a server a new signing key, and lists the one it had among the
// old ones. A server that runs goes on with the old one until it is restarted.
func RotateKey(cfg config.Config, now time.Time) error {
	_, err := signing.Rotate(keyPath(cfg), now)
	return explained(cfg, err)
}

func keyPath(cfg config.Config) string { return filepath.Join(cfg.DataDir, "signing.key") }

// explained says what it means that there is no key.
func explained(cfg config.Config, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no signing key in %s: the server makes one at its first start", cfg.DataDir)
	}
	return err
}

// loadKeys reads the signing key, or makes one, and the old ones.
func loadKeys(cfg config.Config) (signing.Key, []signing.OldKey, error) {
	key, err := signing.LoadOrCreate(keyPath(cfg))
	if err != nil {
		return signing.Key{}, nil, err
	}
	old, err := signing.LoadOld(keyPath(cfg), key)
	return key, old, err
}
