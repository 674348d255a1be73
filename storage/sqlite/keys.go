package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/chappe-im/chappe/todevice"
)

// UploadKeys keeps what a device publishes, all of it or nothing, and gives what
// there is then.
//
// It fails with todevice.ErrUnknownDevice if the device no longer exists, with
// todevice.ErrTooManyKeys if there would be more than a device may have, and with a
// *todevice.KeyConflictError if another one-time key has the name of one given.
// A key that was uploaded before, claimed by now or not, is not added again.
func (s *Store) UploadKeys(ctx context.Context, inbox todevice.InboxID, upload todevice.KeyUpload) (counts todevice.KeyCounts, err error) {
	offered, err := offer(upload.OneTimeKeys)
	if err != nil {
		return todevice.KeyCounts{}, fmt.Errorf("upload keys: %w", err)
	}
	err = s.write(ctx, func(t *tx) error {
		device, err := t.knownDevice(inbox)
		if err != nil {
			return err
		}
		fresh, err := t.fresh(inbox, offered)
		if err != nil {
			return err
		}
		if err := t.haveRoom(inbox, fresh, upload.FallbackKeys); err != nil {
			return err
		}
		// All that can refuse the upload comes before this first change.
		t.keysChanged(inbox)
		if err := t.setDeviceKeys(device, upload.DeviceKeys); err != nil {
			return fmt.Errorf("device keys: %w", err)
		}
		if err := t.addOneTimeKeys(inbox, fresh); err != nil {
			return fmt.Errorf("one-time keys: %w", err)
		}
		if err := t.setFallbackKeys(inbox, upload.FallbackKeys); err != nil {
			return fmt.Errorf("fallback keys: %w", err)
		}
		rows, err := t.query(keyCounts, inbox, inbox)
		counts, err = collectKeyCounts(rows, err)
		return err
	})
	if err != nil {
		return todevice.KeyCounts{}, fmt.Errorf("upload keys: %w", err)
	}
	return counts, nil
}

// keysChanged has the keys of a device counted anew.
func (t *tx) keysChanged(inbox todevice.InboxID) {
	t.afterCommit(func() { t.writer.store.keyCounts.forget(inbox) })
}

// haveRoom is todevice.ErrTooManyKeys if a device would have more keys than it may.
func (t *tx) haveRoom(inbox todevice.InboxID, oneTime, fallback []todevice.OneTimeKey) error {
	if len(oneTime) > 0 {
		var there int
		err := t.queryRow(`SELECT coalesce(sum(remaining), 0) FROM one_time_key_counts WHERE inbox = ?`, []any{inbox}, &there)
		if err != nil || there+len(oneTime) > todevice.MaxOneTimeKeys {
			return errorOr(err, todevice.ErrTooManyKeys)
		}
	}
	added := 0
	for _, key := range fallback {
		var replaces bool
		err := t.queryRow(`SELECT EXISTS (SELECT 1 FROM fallback_keys WHERE inbox = ? AND algorithm = ?)`,
			[]any{inbox, key.Algorithm}, &replaces)
		if err != nil {
			return err
		}
		if !replaces {
			added++
		}
	}
	if added == 0 {
		return nil
	}
	var there int
	err := t.queryRow(`SELECT count(*) FROM fallback_keys WHERE inbox = ?`, []any{inbox}, &there)
	if err != nil || there+added > todevice.MaxFallbackKeys {
		return errorOr(err, todevice.ErrTooManyKeys)
	}
	return nil
}

// knownDevice gives the device of an inbox, or todevice.ErrUnknownDevice.
func (t *tx) knownDevice(inbox todevice.InboxID) (todevice.Device, error) {
	device := todevice.Device{User: todevice.UserID{Server: t.writer.store.serverName}, Inbox: inbox}
	err := t.queryRow(`SELECT localpart, device_id FROM devices WHERE inbox = ?`, []any{inbox},
		&device.User.Localpart, &device.ID)
	if errors.Is(err, sql.ErrNoRows) {
		err = todevice.ErrUnknownDevice
	}
	return device, err
}

// setDeviceKeys keeps a device's identity. Signatures that were made of another one,
// or with it, are forgotten.
func (t *tx) setDeviceKeys(device todevice.Device, keys []byte) error {
	if keys == nil {
		return nil
	}
	keys, err := todevice.StoredKey(keys)
	if err != nil {
		return err
	}
	var old []byte
	err = t.queryRow(`SELECT keys FROM device_keys WHERE inbox = ?`, []any{device.Inbox}, &old)
	if err != nil && !errors.Is(err, sql.ErrNoRows) || bytes.Equal(old, keys) {
		return err
	}
	if _, err := t.exec(`INSERT OR REPLACE INTO device_keys (inbox, keys) VALUES (?, ?)`, device.Inbox, keys); err != nil {
		return err
	}
	if old != nil && !sameKey(old, keys) {
		if err := t.forgetSignatures(device.User, device.ID); err != nil {
			return err
		}
	}
	return t.deviceChanged(device.User.Localpart, device.ID, false)
}

// sameKey tells whether two objects are one key, whatever signatures they carry.
func sameKey(a, b []byte) bool {
	partA, errA := todevice.SignedPart(a)
	partB, errB := todevice.SignedPart(b)
	return errA == nil && errB == nil && bytes.Equal(partA, partB)
}

// setFallbackKeys keeps fallback keys, unused as they are new. A repetition of the
// one that is there changes nothing: that it was used stays known.
func (t *tx) setFallbackKeys(inbox todevice.InboxID, keys []todevice.OneTimeKey) error {
	for _, key := range keys {
		var old todevice.OneTimeKey
		err := t.queryRow(`SELECT key_id, key FROM fallback_keys WHERE inbox = ? AND algorithm = ?`,
			[]any{inbox, key.Algorithm}, &old.ID, (*[]byte)(&old.Key))
		if err == nil && old.ID == key.ID && sameKey(old.Key, key.Key) {
			continue
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		_, err = t.exec(`INSERT OR REPLACE INTO fallback_keys (inbox, algorithm, key_id, key, used) VALUES (?, ?, ?, ?, 0)`,
			inbox, key.Algorithm, key.ID, []byte(key.Key))
		if err != nil {
			return err
		}
	}
	return nil
}

// KeyCounts gives what is left of a device's one-time and fallback keys. The maps
// belong to many callers: they are not to be changed.
func (s *Store) KeyCounts(ctx context.Context, inbox todevice.InboxID) (todevice.KeyCounts, error) {
	counts, known, generation := s.keyCounts.find(inbox)
	if known {
		return counts, nil
	}
	rows, err := s.query(ctx, keyCounts, inbox, inbox)
	if counts, err = collectKeyCounts(rows, err); err != nil {
		return todevice.KeyCounts{}, fmt.Errorf("count keys: %w", err)
	}
	s.keyCounts.remember(inbox, counts, generation)
	return counts, nil
}

// One statement, and so one moment.
const keyCounts = `SELECT algorithm, remaining, 0 FROM one_time_key_counts WHERE inbox = ?
	UNION ALL SELECT algorithm, 0, 1 FROM fallback_keys WHERE inbox = ? AND NOT used ORDER BY algorithm`

func collectKeyCounts(rows *sql.Rows, err error) (todevice.KeyCounts, error) {
	counts := todevice.KeyCounts{
		OneTimeKeys:        map[string]int{todevice.SignedCurve25519: 0},
		UnusedFallbackKeys: []string{},
	}
	_, err = collect(rows, err, func(rows *sql.Rows) (algorithm string, err error) {
		var left int
		var fallback bool
		if err = rows.Scan(&algorithm, &left, &fallback); fallback {
			counts.UnusedFallbackKeys = append(counts.UnusedFallbackKeys, algorithm)
		} else {
			counts.OneTimeKeys[algorithm] = left
		}
		return algorithm, err
	})
	return counts, err
}
