package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/chappe-im/chappe/todevice"
)

// QueryKeys gives the keys of local users by localpart, as viewer may see them;
// the zero viewer is another server. Users who do not exist are not in the answer.
//
// Signatures of a user's keys are seen if they are by the user or by the viewer;
// of their own keys viewers see all. The user-signing key is for its owner only.
//
// https://spec.matrix.org/v1.15/client-server-api/#key-and-signature-security
func (s *Store) QueryKeys(ctx context.Context, viewer todevice.UserID, queries []todevice.KeyQuery) (map[string]todevice.UserKeys, error) {
	users := make(map[string]todevice.UserKeys)
	err := s.snapshot(ctx, func(r snapshot) error {
		for _, query := range queries {
			keys, err := r.userKeys(query.Localpart, viewer)
			if errors.Is(err, todevice.ErrUnknownUser) {
				continue
			}
			if err != nil {
				return err
			}
			if len(query.DeviceIDs) > 0 {
				keys.Devices = slices.DeleteFunc(keys.Devices, func(d todevice.DeviceKeys) bool {
					return !slices.Contains(query.DeviceIDs, d.DeviceID)
				})
			}
			users[query.Localpart] = keys
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("query keys: %w", err)
	}
	return users, nil
}

// DeviceList gives the keys of a local user as another server may see them, or
// fails with todevice.ErrUnknownUser. The stream ID is that of this state. A user who
// was deactivated has no devices, so that a server which missed that learns of it.
func (s *Store) DeviceList(ctx context.Context, localpart string) (keys todevice.UserKeys, err error) {
	err = s.snapshot(ctx, func(r snapshot) error {
		keys, err = r.userKeys(localpart, todevice.UserID{})
		if !errors.Is(err, todevice.ErrUnknownUser) {
			return err
		}
		err = r.queryRow(`SELECT coalesce((SELECT max(position) FROM device_changes c WHERE c.localpart = u.localpart), 0)
			FROM deactivated_users u WHERE localpart = ?`, []any{localpart}, &keys.StreamID)
		if errors.Is(err, sql.ErrNoRows) {
			err = todevice.ErrUnknownUser
		}
		return err
	})
	if err != nil {
		return todevice.UserKeys{}, fmt.Errorf("read the device list: %w", err)
	}
	return keys, nil
}

func (r snapshot) userKeys(localpart string, viewer todevice.UserID) (keys todevice.UserKeys, err error) {
	err = r.queryRow(`SELECT coalesce((SELECT max(position) FROM device_changes c WHERE c.localpart = u.localpart), 0)
		FROM users u WHERE localpart = ?`, []any{localpart}, &keys.StreamID)
	if errors.Is(err, sql.ErrNoRows) {
		err = todevice.ErrUnknownUser
	}
	if err != nil {
		return todevice.UserKeys{}, err
	}
	owner := todevice.UserID{Localpart: localpart, Server: r.store.serverName}
	if keys.Devices, err = r.deviceKeys(localpart); err != nil {
		return todevice.UserKeys{}, err
	}
	if keys.CrossSigningKeys, err = r.crossSigningKeys(owner); err != nil {
		return todevice.UserKeys{}, err
	}
	if viewer != owner {
		keys.UserSigning = nil
	}
	return keys, r.sign(&keys, owner, viewer)
}

func (r snapshot) deviceKeys(localpart string) ([]todevice.DeviceKeys, error) {
	rows, err := r.query(`SELECT d.device_id, d.display_name, k.keys
		FROM devices d JOIN device_keys k ON k.inbox = d.inbox WHERE d.localpart = ? ORDER BY d.inbox`, localpart)
	return collect(rows, err, func(rows *sql.Rows) (d todevice.DeviceKeys, err error) {
		err = rows.Scan(&d.DeviceID, &d.DisplayName, (*[]byte)(&d.Keys))
		return d, err
	})
}

// sign gives the keys the signatures viewer may see, and takes the others away.
func (r snapshot) sign(keys *todevice.UserKeys, owner, viewer todevice.UserID) error {
	added, err := r.signatures(owner)
	if err != nil {
		return err
	}
	visible := func(signer string) bool {
		return viewer == owner || signer == owner.String() || signer == viewer.String()
	}
	for i := range keys.Devices {
		d := &keys.Devices[i]
		if d.Keys, err = todevice.WithSignatures(d.Keys, added[d.DeviceID], visible); err != nil {
			return err
		}
	}
	for _, key := range []*json.RawMessage{&keys.Master, &keys.SelfSigning, &keys.UserSigning} {
		if *key == nil {
			continue
		}
		if *key, err = todevice.WithSignatures(*key, added[todevice.PublicKey(*key)], visible); err != nil {
			return err
		}
	}
	return nil
}

// signatures gives those made later of a user's keys, by device ID or public key.
func (r snapshot) signatures(target todevice.UserID) (map[string]todevice.Signatures, error) {
	rows, err := r.query(`SELECT target, target_key, signer, key_id, signature FROM signatures WHERE target = ?`,
		target.String())
	added, err := collectSignatures(rows, err)
	return added[target.String()], err
}
