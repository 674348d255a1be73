package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/chappe-im/chappe/todevice"
)

// SetCrossSigningKeys keeps the cross-signing keys of a user, here or elsewhere. A
// key that is nil stays as it is; but with the master key the others are replaced,
// too: those not given are removed. Whether the keys are right, and may take the place
// of the known ones, is checked before.
//
// It fails with todevice.ErrKeysChanged if the user has others by now than the known
// ones. For users of this server it fails with todevice.ErrUnknownUser if there is no
// such user, and with todevice.ErrNameInUse if a device of theirs has the name of one
// of the keys.
func (s *Store) SetCrossSigningKeys(ctx context.Context, user todevice.UserID, known, keys todevice.CrossSigningKeys) error {
	err := s.write(ctx, func(t *tx) error {
		now, err := t.snapshot().crossSigningKeys(user)
		switch {
		case err != nil:
			return err
		case !bytes.Equal(now.Master, known.Master) || !bytes.Equal(now.SelfSigning, known.SelfSigning) ||
			!bytes.Equal(now.UserSigning, known.UserSigning):
			return todevice.ErrKeysChanged
		}
		if user.Server == t.writer.store.serverName {
			if err := t.mayHaveKeys(user.Localpart, keys); err != nil {
				return err
			}
		}
		return t.setCrossSigningKeys(user, keys)
	})
	if err != nil {
		return fmt.Errorf("set cross-signing keys: %w", err)
	}
	return nil
}

// mayHaveKeys refuses keys of nobody, and such as have the name of a device.
func (t *tx) mayHaveKeys(localpart string, keys todevice.CrossSigningKeys) error {
	exists, err := t.userExists(localpart)
	if err != nil || !exists {
		return errorOr(err, todevice.ErrUnknownUser)
	}
	for _, key := range []json.RawMessage{keys.Master, keys.SelfSigning, keys.UserSigning} {
		if key == nil {
			continue
		}
		var inUse bool
		err := t.queryRow(`SELECT EXISTS (SELECT 1 FROM devices WHERE localpart = ? AND device_id = ?)`,
			[]any{localpart, todevice.PublicKey(key)}, &inUse)
		if err != nil || inUse {
			return errorOr(err, todevice.ErrNameInUse)
		}
	}
	return nil
}

// errorOr gives err, or otherwise where err is nil.
func errorOr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

func (t *tx) setCrossSigningKeys(user todevice.UserID, keys todevice.CrossSigningKeys) error {
	old, err := t.snapshot().crossSigningKeys(user)
	if err != nil {
		return err
	}
	replaced := keys.Master != nil && old.Master != nil && !sameKey(keys.Master, old.Master)
	public, private := false, false
	for _, k := range []struct {
		usage    string
		old, new json.RawMessage
		changed  *bool
	}{
		{usageMaster, old.Master, keys.Master, &public},
		{usageSelfSigning, old.SelfSigning, keys.SelfSigning, &public},
		{usageUserSigning, old.UserSigning, keys.UserSigning, &private},
	} {
		changed, err := t.setCrossSigningKey(user, k.usage, k.old, k.new, replaced)
		if err != nil {
			return err
		}
		*k.changed = *k.changed || changed
	}
	if user.Server != t.writer.store.serverName {
		return nil // what those interested are told of it is not storage's
	}
	if public {
		return t.deviceChanged(user.Localpart, "", false)
	}
	if private {
		return t.ownViewChanged(user.Localpart, user)
	}
	return nil
}

// setCrossSigningKey puts one key in the place of another. Where there is no new
// one, the old one goes only if it was replaced with its master key.
func (t *tx) setCrossSigningKey(user todevice.UserID, usage string, old, new json.RawMessage, replaced bool) (changed bool, err error) {
	if new == nil && !(replaced && old != nil) {
		return false, nil
	}
	if new != nil {
		if new, err = todevice.StoredKey(new); err != nil || bytes.Equal(old, new) {
			return false, err
		}
	}
	if old != nil && (new == nil || !sameKey(old, new)) {
		if err := t.forgetSignatures(user, todevice.PublicKey(old)); err != nil {
			return false, err
		}
	}
	if new == nil {
		_, err = t.exec(`DELETE FROM cross_signing_keys WHERE user_id = ? AND usage = ?`, user.String(), usage)
	} else {
		_, err = t.exec(`INSERT OR REPLACE INTO cross_signing_keys (user_id, usage, key) VALUES (?, ?, ?)`,
			user.String(), usage, []byte(new))
	}
	return true, err
}

// forgetSignatures removes the signatures on a key and by it. The key is that of a
// device, under its ID, or a public key.
func (t *tx) forgetSignatures(user todevice.UserID, key string) error {
	if _, err := t.exec(`DELETE FROM signatures WHERE target = ? AND target_key = ?`, user.String(), key); err != nil {
		return err
	}
	_, err := t.exec(`DELETE FROM signatures WHERE signer = ? AND key_id = ?`, user.String(), "ed25519:"+key)
	return err
}

// AddSignatures keeps signatures that were made of keys uploaded before, and gives
// those it leaves out: the key they sign, or the one that signed, is gone or another
// by now. Whether they are right is checked before.
func (s *Store) AddSignatures(ctx context.Context, signatures []todevice.Signature) (late []todevice.Signature, err error) {
	err = s.write(ctx, func(t *tx) error {
		late = nil
		for _, signature := range signatures {
			kept, err := t.addSignature(signature)
			if err != nil {
				return err
			}
			if !kept {
				late = append(late, signature)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("add signatures: %w", err)
	}
	return late, nil
}

func (t *tx) addSignature(g todevice.Signature) (kept bool, err error) {
	signed, deviceID, err := t.keyNamed(g.Target, g.TargetKey)
	if err != nil || signed == nil || !sameKey(signed, g.Object) {
		return false, err
	}
	signing, _, err := t.keyNamed(g.Signer, strings.TrimPrefix(g.KeyID, "ed25519:"))
	if err != nil || signing == nil {
		return false, err
	}
	added, err := t.exec(`INSERT INTO signatures (target, target_key, signer, key_id, signature) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET signature = excluded.signature WHERE signature != excluded.signature`,
		g.Target.String(), g.TargetKey, g.Signer.String(), g.KeyID, g.Signature)
	switch {
	case err != nil || added == 0:
		return err == nil, err
	case g.Target != g.Signer:
		return true, t.ownViewChanged(g.Signer.Localpart, g.Target)
	default:
		return true, t.deviceChanged(g.Target.Localpart, deviceID, false)
	}
}

// keyNamed gives the keys of the user's device of this name, and its ID, or else the
// cross-signing key of this name; nil where there is neither. Devices of other servers'
// users are not among them.
func (t *tx) keyNamed(user todevice.UserID, name string) (key json.RawMessage, deviceID string, err error) {
	if user.Server == t.writer.store.serverName {
		err := t.queryRow(`SELECT k.keys FROM devices d JOIN device_keys k ON k.inbox = d.inbox
			WHERE d.localpart = ? AND d.device_id = ?`, []any{user.Localpart, name}, (*[]byte)(&key))
		if !errors.Is(err, sql.ErrNoRows) {
			return key, name, err
		}
	}
	key, err = t.crossSigningKey(user, name)
	return key, "", err
}

// crossSigningKey gives the user's cross-signing key of this name, nil where there is
// none.
func (t *tx) crossSigningKey(user todevice.UserID, name string) (json.RawMessage, error) {
	keys, err := t.snapshot().crossSigningKeys(user)
	if err != nil {
		return nil, err
	}
	for _, key := range []json.RawMessage{keys.Master, keys.SelfSigning, keys.UserSigning} {
		if key != nil && todevice.PublicKey(key) == name {
			return key, nil
		}
	}
	return nil, nil
}

// SignaturesBy gives the signatures a user has made of the keys of others, by the
// others' user IDs, and then by device ID or public key.
func (s *Store) SignaturesBy(ctx context.Context, signer todevice.UserID) (map[string]map[string]todevice.Signatures, error) {
	rows, err := s.query(ctx, `SELECT target, target_key, signer, key_id, signature FROM signatures
		WHERE signer = ? AND target != signer`, signer.String())
	added, err := collectSignatures(rows, err)
	if err != nil {
		return nil, fmt.Errorf("read signatures: %w", err)
	}
	return added, nil
}

// collectSignatures reads signatures by target and key.
func collectSignatures(rows *sql.Rows, err error) (map[string]map[string]todevice.Signatures, error) {
	all := make(map[string]map[string]todevice.Signatures)
	_, err = collect(rows, err, func(rows *sql.Rows) (target string, err error) {
		var targetKey, signer, keyID, signature string
		if err := rows.Scan(&target, &targetKey, &signer, &keyID, &signature); err != nil {
			return "", err
		}
		if all[target] == nil {
			all[target] = make(map[string]todevice.Signatures)
		}
		if all[target][targetKey] == nil {
			all[target][targetKey] = make(todevice.Signatures)
		}
		all[target][targetKey].Add(signer, keyID, todevice.AppendString(nil, signature))
		return target, nil
	})
	return all, err
}

const (
	usageMaster      = "master"
	usageSelfSigning = "self_signing"
	usageUserSigning = "user_signing"
)

// CrossSigningKeys gives all keys of a user as they were set, for their owner.
func (s *Store) CrossSigningKeys(ctx context.Context, user todevice.UserID) (todevice.CrossSigningKeys, error) {
	rows, err := s.query(ctx, crossSigningKeys, user.String())
	keys, err := collectCrossSigningKeys(rows, err)
	if err != nil {
		return todevice.CrossSigningKeys{}, fmt.Errorf("read cross-signing keys: %w", err)
	}
	return keys, nil
}

func (r snapshot) crossSigningKeys(user todevice.UserID) (todevice.CrossSigningKeys, error) {
	rows, err := r.query(crossSigningKeys, user.String())
	return collectCrossSigningKeys(rows, err)
}

const crossSigningKeys = `SELECT usage, key FROM cross_signing_keys WHERE user_id = ?`

func collectCrossSigningKeys(rows *sql.Rows, err error) (keys todevice.CrossSigningKeys, _ error) {
	_, err = collect(rows, err, func(rows *sql.Rows) (usage string, err error) {
		var key []byte
		err = rows.Scan(&usage, &key)
		switch usage {
		case usageMaster:
			keys.Master = key
		case usageSelfSigning:
			keys.SelfSigning = key
		case usageUserSigning:
			keys.UserSigning = key
		}
		return usage, err
	})
	return keys, err
}
