package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/chappe-im/chappe/todevice"
)

// claimsPerWrite is how many claims one write carries: few, so that nobody waits
// for a stranger who claims very many.
const claimsPerWrite = 200

// An offeredKey is a one-time key of an upload. Its hash tells it from every other
// the device may upload, but not from itself with another signature.
type offeredKey struct {
	todevice.OneTimeKey
	hash []byte
}

func offer(keys []todevice.OneTimeKey) ([]offeredKey, error) {
	offered := make([]offeredKey, len(keys))
	for i, key := range keys {
		hash, err := oneTimeKeyHash(key)
		if err != nil {
			return nil, err
		}
		offered[i] = offeredKey{key, hash}
	}
	return offered, nil
}

func oneTimeKeyHash(key todevice.OneTimeKey) ([]byte, error) {
	part, err := todevice.SignedPart(key.Key)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append([]byte(key.Name()+"\x00"), part...))
	return sum[:16], nil
}

// fresh gives those of the keys that the device has not uploaded before, or a
// *todevice.KeyConflictError.
func (t *tx) fresh(inbox todevice.InboxID, offered []offeredKey) ([]todevice.OneTimeKey, error) {
	var fresh []todevice.OneTimeKey
	for _, key := range offered {
		var claimed bool
		err := t.queryRow(`SELECT EXISTS (SELECT 1 FROM claimed_keys WHERE inbox = ? AND key = ?)`,
			[]any{inbox, key.hash}, &claimed)
		if err != nil {
			return nil, fmt.Errorf("look for a claimed key: %w", err)
		}
		if claimed {
			continue
		}
		var old []byte
		err = t.queryRow(`SELECT key FROM one_time_keys WHERE inbox = ? AND algorithm = ? AND key_id = ?`,
			[]any{inbox, key.Algorithm, key.ID}, &old)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			fresh = append(fresh, key.OneTimeKey)
		case err != nil:
			return nil, fmt.Errorf("look for a one-time key: %w", err)
		case !sameKey(old, key.Key):
			return nil, &todevice.KeyConflictError{Name: key.Name(), Old: old, New: key.Key}
		}
	}
	return fresh, nil
}

// addOneTimeKeys keeps keys behind all that are there, and how many there are then.
func (t *tx) addOneTimeKeys(inbox todevice.InboxID, fresh []todevice.OneTimeKey) error {
	if len(fresh) == 0 {
		return nil
	}
	for _, key := range fresh {
		_, err := t.insert(`INSERT INTO one_time_keys (inbox, algorithm, key_id, key) VALUES (?, ?, ?, ?)`,
			inbox, key.Algorithm, key.ID, []byte(key.Key))
		if err != nil {
			return err
		}
	}
	_, err := t.exec(`INSERT OR REPLACE INTO one_time_key_counts (inbox, algorithm, remaining, uploaded)
		SELECT inbox, algorithm, count(*), count(*) FROM one_time_keys WHERE inbox = ? GROUP BY algorithm`, inbox)
	return err
}

// ClaimKeys takes one key for each claim from the device's one-time keys, oldest
// upload first, or gives its fallback key where none is left. No one-time key is
// given out twice. Claims for which there is nothing have no part in the answer. With
// an error it gives those that were taken before: they are gone, for nobody.
func (s *Store) ClaimKeys(ctx context.Context, claims []todevice.KeyClaim) ([]todevice.ClaimedKey, error) {
	var claimed []todevice.ClaimedKey
	for part := range slices.Chunk(claims, claimsPerWrite) {
		var taken []todevice.ClaimedKey
		err := s.write(ctx, func(t *tx) (err error) {
			taken, err = t.claimAll(part)
			return err
		})
		if err != nil {
			return claimed, fmt.Errorf("claim keys: %w", err)
		}
		claimed = append(claimed, taken...)
	}
	return claimed, nil
}

func (t *tx) claimAll(claims []todevice.KeyClaim) (claimed []todevice.ClaimedKey, err error) {
	for _, claim := range claims {
		key, found, err := t.claim(claim)
		if err != nil {
			return nil, err
		}
		if found {
			claimed = append(claimed, key)
		}
	}
	return claimed, nil
}

func (t *tx) claim(c todevice.KeyClaim) (key todevice.ClaimedKey, found bool, err error) {
	key.KeyClaim, key.OneTimeKey.Algorithm = c, c.Algorithm
	err = t.queryRow(`SELECT inbox FROM devices WHERE localpart = ? AND device_id = ?`,
		[]any{c.Localpart, c.DeviceID}, &key.Inbox)
	if errors.Is(err, sql.ErrNoRows) {
		return key, false, nil
	}
	if err == nil {
		found, err = t.takeOneTimeKey(&key)
	}
	if err == nil && !found {
		found, err = t.useFallbackKey(&key)
	}
	return key, found, err
}

// takeOneTimeKey takes the oldest key, if there is one, and remembers that it is
// gone.
func (t *tx) takeOneTimeKey(key *todevice.ClaimedKey) (found bool, err error) {
	algorithm := key.OneTimeKey.Algorithm
	var id int64
	err = t.queryRow(`SELECT id, key_id, key FROM one_time_keys WHERE inbox = ? AND algorithm = ? ORDER BY id LIMIT 1`,
		[]any{key.Inbox, algorithm}, &id, &key.ID, (*[]byte)(&key.Key))
	if err != nil {
		return false, ignoreNoRows(err)
	}
	if _, err := t.exec(`DELETE FROM one_time_keys WHERE id = ?`, id); err != nil {
		return false, err
	}
	hash, err := oneTimeKeyHash(key.OneTimeKey)
	if err != nil {
		return false, err
	}
	if _, err := t.exec(`INSERT OR IGNORE INTO claimed_keys (inbox, key) VALUES (?, ?)`, key.Inbox, hash); err != nil {
		return false, err
	}
	t.keysChanged(key.Inbox)
	key.Low, err = t.countDown(key.Inbox, algorithm)
	return true, err
}

// countDown counts a key that was taken, and tells whether now for the first time
// less than half is left.
func (t *tx) countDown(inbox todevice.InboxID, algorithm string) (low bool, err error) {
	_, err = t.exec(`UPDATE one_time_key_counts SET remaining = remaining - 1 WHERE inbox = ? AND algorithm = ?`,
		inbox, algorithm)
	if err != nil {
		return false, err
	}
	var remaining, uploaded int
	err = t.queryRow(`SELECT remaining, uploaded FROM one_time_key_counts WHERE inbox = ? AND algorithm = ?`,
		[]any{inbox, algorithm}, &remaining, &uploaded)
	return 2*remaining < uploaded && 2*(remaining+1) >= uploaded, err
}

// useFallbackKey gives the fallback key, if there is one, and marks it used. It
// stays.
func (t *tx) useFallbackKey(key *todevice.ClaimedKey) (found bool, err error) {
	var used bool
	err = t.queryRow(`SELECT key_id, key, used FROM fallback_keys WHERE inbox = ? AND algorithm = ?`,
		[]any{key.Inbox, key.OneTimeKey.Algorithm}, &key.ID, (*[]byte)(&key.Key), &used)
	if err != nil {
		return false, ignoreNoRows(err)
	}
	if used {
		return true, nil
	}
	key.Low = true
	t.keysChanged(key.Inbox)
	_, err = t.exec(`UPDATE fallback_keys SET used = 1 WHERE inbox = ? AND algorithm = ?`,
		key.Inbox, key.OneTimeKey.Algorithm)
	return true, err
}

// ignoreNoRows gives nil for sql.ErrNoRows.
func ignoreNoRows(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}
