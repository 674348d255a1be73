package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/chappe-im/chappe/todevice"
)

// SetCrossSigningKeys keeps the cross-signing keys of a user, here or elsewhere. A
// key that is nil stays as it is; but with the master key the others are replaced,
// too: those not given are removed. Whether the keys are right, and may be set,
// is checked before.
//
// It fails with todevice.ErrUnknownUser for a user of this server who does not
// exist.
func (s *Store) SetCrossSigningKeys(ctx context.Context, user todevice.UserID, keys todevice.CrossSigningKeys) error {
	err := s.write(ctx, func(t *tx) error {
		if user.Server == s.serverName {
			exists, err := t.userExists(user.Localpart)
			if err != nil || !exists {
				return errorOr(err, todevice.ErrUnknownUser)
			}
		}
		return t.setCrossSigningKeys(user, keys)
	})
	if err != nil {
		return fmt.Errorf("set cross-signing keys: %w", err)
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
	rows, err := t.query(crossSigningKeys, user.String())
	old, err := collectCrossSigningKeys(rows, err)
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

// AddSignatures keeps signatures that were made of keys uploaded before. Whether
// they are right is checked before. One of a key of this server that is no longer
// there is left out.
func (s *Store) AddSignatures(ctx context.Context, signatures []todevice.Signature) error {
	err := s.write(ctx, func(t *tx) error {
		for _, signature := range signatures {
			if err := t.addSignature(signature); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("add signatures: %w", err)
	}
	return nil
}

func (t *tx) addSignature(g todevice.Signature) error {
	deviceID, exists, err := t.signable(g)
	if err != nil || !exists {
		return err
	}
	added, err := t.exec(`INSERT INTO signatures (target, target_key, signer, key_id, signature) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET signature = excluded.signature WHERE signature != excluded.signature`,
		g.Target.String(), g.TargetKey, g.Signer.String(), g.KeyID, g.Signature)
	switch {
	case err != nil || added == 0:
		return err
	case g.Target != g.Signer:
		return t.ownViewChanged(g.Signer.Localpart, g.Target)
	default:
		return t.deviceChanged(g.Target.Localpart, deviceID, false)
	}
}

// signable tells whether the key a signature was made of exists, and which device's
// it is, "" for a cross-signing key. Of other servers' users that is not known.
func (t *tx) signable(g todevice.Signature) (deviceID string, exists bool, err error) {
	if g.Target.Server != t.writer.store.serverName {
		return "", true, nil
	}
	err = t.queryRow(`SELECT EXISTS (SELECT 1 FROM devices d JOIN device_keys k ON k.inbox = d.inbox
		WHERE d.localpart = ? AND d.device_id = ?)`, []any{g.Target.Localpart, g.TargetKey}, &exists)
	if err != nil || exists {
		return g.TargetKey, exists, err
	}
	rows, err := t.query(crossSigningKeys, g.Target.String())
	keys, err := collectCrossSigningKeys(rows, err)
	for _, key := range []json.RawMessage{keys.Master, keys.SelfSigning, keys.UserSigning} {
		exists = exists || key != nil && todevice.PublicKey(key) == g.TargetKey
	}
	return "", exists, err
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
