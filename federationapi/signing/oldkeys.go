package signing

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/files"
)

// An OldKey is a key this server has signed with before. Its private half is gone:
// others may check with it what was signed then, and nothing new.
type OldKey struct {
	ID     gomatrixserverlib.KeyID
	Public ed25519.PublicKey
	// Expired is when the key was replaced, to the millisecond.
	Expired time.Time
}

// oldKeysFile lies beside the signing key and holds old_verify_keys as the server
// publishes it.
const oldKeysFile = "old_verify_keys.json"

type oldKeys map[gomatrixserverlib.KeyID]gomatrixserverlib.OldVerifyKey

// LoadOld reads the old keys that lie beside the file of the signing key, the
// latest first. The key in use is never among them, even if a rotation broke off
// between its two steps and has left it there.
func LoadOld(path string, inUse Key) ([]OldKey, error) {
	stored, err := readOldKeys(path)
	if err != nil {
		return nil, err
	}
	delete(stored, inUse.ID)
	var old []OldKey
	for _, id := range slices.Sorted(maps.Keys(stored)) {
		old = append(old, OldKey{ID: id, Public: ed25519.PublicKey(stored[id].Key), Expired: stored[id].ExpiredTS.Time()})
	}
	slices.SortStableFunc(old, func(a, b OldKey) int { return b.Expired.Compare(a.Expired) })
	return old, nil
}

// Rotate puts a new signing key into a file, in the place of the one that is there,
// and lists the public half of that one among the old keys as of now. The private
// half is removed.
//
// The old keys are written first, so that none is lost: should it break off there,
// the key in use is among them (see [LoadOld]) until Rotate is called again. Of two
// rotations at once the second is refused, as it would lose the first one's key.
func Rotate(path string, now time.Time) (_ Key, err error) {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return Key{}, fmt.Errorf("rotate the signing key: %w", err)
	}
	defer func() { err = errors.Join(err, folder.Close()) }() // which ends the lock
	if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return Key{}, fmt.Errorf("rotate the signing key: is it being rotated already? lock its folder: %w", err)
	}
	key, err := Load(path)
	if err != nil {
		return Key{}, err
	}
	stored, err := readOldKeys(path)
	if err != nil {
		return Key{}, err
	}
	stored[key.ID] = gomatrixserverlib.OldVerifyKey{
		VerifyKey: gomatrixserverlib.VerifyKey{Key: spec.Base64Bytes(key.Public())},
		ExpiredTS: spec.AsTimestamp(now),
	}
	content, err := json.MarshalIndent(stored, "", "  ")
	if err != nil {
		return Key{}, fmt.Errorf("write the old keys: %w", err)
	}
	if err := files.Write(oldKeysPath(path), append(content, '\n'), 0o644); err != nil {
		return Key{}, fmt.Errorf("write the old keys: %w", err)
	}
	return createKey(path)
}

func oldKeysPath(path string) string { return filepath.Join(filepath.Dir(path), oldKeysFile) }

func readOldKeys(path string) (oldKeys, error) {
	path = oldKeysPath(path)
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return oldKeys{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the old keys: %w", err)
	}
	var stored oldKeys
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields() // what an operator writes wrongly must not be passed over
	if err := decoder.Decode(&stored); err != nil || stored == nil {
		return nil, fmt.Errorf("old keys in %s: not an object of keys, each with key and expired_ts", path)
	}
	for id, key := range stored {
		version, ok := strings.CutPrefix(string(id), Algorithm+":")
		if !ok || !keyVersion.MatchString(version) || len(key.Key) != ed25519.PublicKeySize || key.ExpiredTS == 0 {
			return nil, fmt.Errorf("old keys in %s: %q is not an ID with a key and expired_ts", path, id)
		}
	}
	return stored, nil
}
