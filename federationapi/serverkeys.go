package federationapi

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/signing"
	"github.com/chappe-im/chappe/todevice"
)

const (
	// maxValidity is how long a key is taken to be valid at most, whatever its
	// server says.
	maxValidity = 7 * 24 * time.Hour
	// maxServerKeys bounds the keys in use, and the old ones, taken from one server at
	// a time.
	maxServerKeys = 32
	// maxKeyObject is the size in bytes up to which a key object is taken. It is kept,
	// for those who ask this server for the keys of another.
	maxKeyObject = 64 << 10
)

// readServerKeys reads and checks the object in which a server publishes its keys:
// it must name the server and be signed by each of the keys in use. The old keys
// come behind those.
//
// https://spec.matrix.org/v1.15/server-server-api/#publishing-keys
func readServerKeys(raw []byte, server spec.ServerName, now time.Time) ([]todevice.ServerKey, error) {
	if len(raw) > maxKeyObject || !utf8.Valid(raw) {
		return nil, errors.New("the key object is too long or not in UTF-8")
	}
	var published gomatrixserverlib.ServerKeyFields
	if err := json.Unmarshal(raw, &published); err != nil {
		return nil, fmt.Errorf("read the key object: %w", err)
	}
	if published.ServerName != server {
		return nil, errors.New("the key object is of another server")
	}
	if len(published.VerifyKeys) > maxServerKeys {
		return nil, errors.New("the key object has too many keys")
	}
	validUntil := validity(published.ValidUntilTS, now)
	if !validUntil.After(now) {
		return nil, errors.New("the key object has expired")
	}
	var keys []todevice.ServerKey
	for id, verify := range published.VerifyKeys {
		if !strings.HasPrefix(string(id), signing.Algorithm+":") {
			continue // of an algorithm to come; its signature cannot be checked
		}
		public := ed25519.PublicKey(verify.Key)
		if len(public) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("key %q has the wrong length", id)
		}
		if err := signing.VerifyObject(raw, server, id, public); err != nil {
			return nil, fmt.Errorf("key object, key %q: %w", id, err)
		}
		keys = append(keys, todevice.ServerKey{Server: server, ID: id, Public: public, ValidUntil: validUntil, Fetched: now})
	}
	if len(keys) == 0 {
		return nil, errors.New("the key object has no key of a known algorithm")
	}
	return append(keys, readOldKeys(published, validUntil, now)...), nil
}

// readOldKeys gives the keys a server has signed with before. One that is in use as
// well is left out, and so is one that cannot be a key: nothing is checked with it.
func readOldKeys(published gomatrixserverlib.ServerKeyFields, validUntil, now time.Time) (keys []todevice.ServerKey) {
	for _, id := range slices.Sorted(maps.Keys(published.OldVerifyKeys)) {
		public := ed25519.PublicKey(published.OldVerifyKeys[id].Key)
		_, inUse := published.VerifyKeys[id]
		if inUse || !strings.HasPrefix(string(id), signing.Algorithm+":") || len(public) != ed25519.PublicKeySize {
			continue
		}
		if keys = append(keys, todevice.ServerKey{
			Server: published.ServerName, ID: id, Public: public, ValidUntil: validUntil, Fetched: now, Old: true,
		}); len(keys) == maxServerKeys {
			break
		}
	}
	return keys
}

// validity gives the lesser of the time a server gives its keys and maxValidity
// from now. The comparison is in milliseconds, which hold any number it may say.
func validity(until spec.Timestamp, now time.Time) time.Time {
	limit := now.Add(maxValidity)
	if until >= spec.AsTimestamp(limit) {
		return limit
	}
	return until.Time()
}
