package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

// updateRemoteDevice takes what another server tells of a device of one of its users.
// Where it does not follow what is known, the list is marked stale instead: then it
// must be asked for as a whole. What concerns nobody here is passed over.
//
// https://spec.matrix.org/v1.15/server-server-api/#device-management
func (t *tx) updateRemoteDevice(u todevice.DeviceListUpdate) (stale bool, err error) {
	if concerns, err := t.concernsAnyone(u.User); err != nil || !concerns {
		return false, err
	}
	var known int64
	err = t.queryRow(`SELECT stream_id, stale != 0 FROM remote_device_lists WHERE user_id = ?`, []any{u.User.String()}, &known, &stale)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	follows := known > 0 && !stale && len(u.PrevIDs) > 0 &&
		!slices.ContainsFunc(u.PrevIDs, func(id int64) bool { return id > known })
	switch {
	case known > 0 && !stale && u.StreamID <= known:
		return false, nil // it was in the list when that was asked for
	case !follows:
		_, err := t.exec(`INSERT INTO remote_device_lists (user_id, server, stream_id, stale) VALUES (?, ?, 0, 1)
			ON CONFLICT DO UPDATE SET stale = stale + 1`, u.User.String(), string(u.User.Server))
		return true, err
	}
	_, err = t.exec(`UPDATE remote_device_lists SET stream_id = ? WHERE user_id = ?`, u.StreamID, u.User.String())
	if err != nil {
		return false, err
	}
	device := todevice.DeviceKeys{DeviceID: u.DeviceID, DisplayName: u.DisplayName, Keys: u.Keys}
	if u.Deleted {
		device.Keys = nil
	}
	changed, err := t.setRemoteDevice(u.User, device)
	if err != nil || !changed {
		return false, err
	}
	return false, t.remoteDevicesChanged(u.User)
}

// updateSigningKeys takes what another server tells of a user's cross-signing keys.
func (t *tx) updateSigningKeys(u todevice.SigningKeyUpdate) error {
	if concerns, err := t.concernsAnyone(u.User); err != nil || !concerns {
		return err
	}
	changed, err := t.setRemoteSigningKeys(u.User, todevice.CrossSigningKeys{Master: u.Master, SelfSigning: u.SelfSigning})
	if err != nil || !changed {
		return err
	}
	return t.remoteDevicesChanged(u.User)
}

// concernsAnyone tells whether a local user is interested in one of another server.
func (t *tx) concernsAnyone(user todevice.UserID) (concerns bool, err error) {
	err = t.queryRow(`SELECT EXISTS (SELECT 1 FROM interest WHERE user_id = ?)`, []any{user.String()}, &concerns)
	return concerns, err
}

// setRemoteDevice keeps a device, or removes one without keys, and tells whether
// that made a difference.
func (t *tx) setRemoteDevice(user todevice.UserID, d todevice.DeviceKeys) (changed bool, err error) {
	if d.Keys == nil {
		rows, err := t.exec(`DELETE FROM remote_devices WHERE user_id = ? AND device_id = ?`, user.String(), d.DeviceID)
		return rows > 0, err
	}
	if d.Keys, err = todevice.StoredKey(d.Keys); err != nil {
		return false, err
	}
	old := todevice.DeviceKeys{DeviceID: d.DeviceID}
	err = t.queryRow(`SELECT display_name, keys FROM remote_devices WHERE user_id = ? AND device_id = ?`,
		[]any{user.String(), d.DeviceID}, &old.DisplayName, (*[]byte)(&old.Keys))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	if sameDevice(old, d) {
		return false, nil
	}
	_, err = t.exec(`INSERT OR REPLACE INTO remote_devices (user_id, device_id, display_name, keys) VALUES (?, ?, ?, ?)`,
		user.String(), d.DeviceID, d.DisplayName, []byte(d.Keys))
	return true, err
}

// sameDevice tells whether two states of a device look the same to clients.
func sameDevice(a, b todevice.DeviceKeys) bool {
	return a.DisplayName == b.DisplayName && sameObject(a.Keys, b.Keys)
}

// sameObject tells whether two objects hold the same, in whatever order and with
// whatever space they were written; nil is the same as nil alone. One server writes
// a key in several ways.
func sameObject(a, b json.RawMessage) bool {
	if a == nil || b == nil || bytes.Equal(a, b) {
		return bytes.Equal(a, b)
	}
	var values [2]any
	for i, raw := range []json.RawMessage{a, b} {
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.UseNumber() // a float64 would make equals of different numbers
		if decoder.Decode(&values[i]) != nil {
			return false
		}
	}
	return reflect.DeepEqual(values[0], values[1])
}

// setRemoteSigningKeys keeps the keys that are given, and tells whether that made a
// difference.
func (t *tx) setRemoteSigningKeys(user todevice.UserID, keys todevice.CrossSigningKeys) (changed bool, err error) {
	before, err := t.snapshot().crossSigningKeys(user)
	if err != nil {
		return false, err
	}
	if err := t.setCrossSigningKeys(user, keys); err != nil {
		return false, err
	}
	after, err := t.snapshot().crossSigningKeys(user)
	return !sameObject(before.Master, after.Master) || !sameObject(before.SelfSigning, after.SelfSigning), err
}

func (t *tx) remoteDevicesChanged(user todevice.UserID) error {
	at := t.position()
	_, err := t.exec(`INSERT OR REPLACE INTO remote_device_changes (user_id, position) VALUES (?, ?)`, user.String(), at)
	if err != nil {
		return err
	}
	return t.tellInterested(user, at)
}

// StaleServers lists the servers of users whose device list must be asked for.
func (s *Store) StaleServers(ctx context.Context) ([]spec.ServerName, error) {
	rows, err := s.query(ctx, `SELECT DISTINCT server FROM remote_device_lists WHERE stale ORDER BY server`)
	servers, err := collect(rows, err, func(rows *sql.Rows) (server spec.ServerName, err error) {
		err = rows.Scan(&server)
		return server, err
	})
	if err != nil {
		return nil, fmt.Errorf("list stale servers: %w", err)
	}
	return servers, nil
}

// StaleUsers lists some users of a server whose device list must be asked for, in the
// order of their IDs, behind one of them.
func (s *Store) StaleUsers(ctx context.Context, server spec.ServerName, behind string) ([]todevice.StaleUser, error) {
	rows, err := s.query(ctx, `SELECT user_id, stale FROM remote_device_lists WHERE server = ? AND stale AND user_id > ? ORDER BY user_id LIMIT 100`,
		string(server), behind)
	users, err := collect(rows, err, func(rows *sql.Rows) (u todevice.StaleUser, err error) {
		var id string
		if err := rows.Scan(&id, &u.Mark); err != nil {
			return u, err
		}
		u.User, err = todevice.ParseUserID(id)
		return u, err
	})
	if err != nil {
		return nil, fmt.Errorf("list stale users: %w", err)
	}
	return users, nil
}

// SetRemoteDeviceList keeps a list as a user's server has given it. It is not stale
// any more, unless it was marked anew since the user was listed.
func (s *Store) SetRemoteDeviceList(ctx context.Context, stale todevice.StaleUser, list todevice.RemoteDeviceList) error {
	err := s.write(ctx, func(t *tx) error { return t.setRemoteDeviceList(stale, list) })
	if err != nil {
		return fmt.Errorf("keep the device list of a user: %w", err)
	}
	return nil
}

func (t *tx) setRemoteDeviceList(stale todevice.StaleUser, list todevice.RemoteDeviceList) error {
	rows, err := t.exec(`UPDATE remote_device_lists SET stream_id = ?, stale = CASE stale WHEN ? THEN 0 ELSE stale END
		WHERE user_id = ?`, list.StreamID, stale.Mark, stale.User.String())
	if err != nil || rows == 0 { // forgotten while its server was asked
		return err
	}
	return t.replaceRemoteDevices(stale.User, list)
}

// replaceRemoteDevices keeps what a list says and removes the devices it does not
// name. Those interested hear of it if that made a difference.
func (t *tx) replaceRemoteDevices(user todevice.UserID, list todevice.RemoteDeviceList) error {
	old, err := t.snapshot().remoteDevices(user)
	if err != nil {
		return err
	}
	changed := false
	note := func(difference bool, err error) error {
		changed = changed || difference
		return err
	}
	for _, d := range list.Devices {
		if err := note(t.setRemoteDevice(user, d)); err != nil {
			return err
		}
	}
	for _, d := range old {
		if !slices.ContainsFunc(list.Devices, func(n todevice.DeviceKeys) bool { return n.DeviceID == d.DeviceID }) {
			if err := note(t.setRemoteDevice(user, todevice.DeviceKeys{DeviceID: d.DeviceID})); err != nil {
				return err
			}
		}
	}
	if err := note(t.setRemoteSigningKeys(user, todevice.CrossSigningKeys{Master: list.Master, SelfSigning: list.SelfSigning})); err != nil {
		return err
	}
	if !changed {
		return nil
	}
	return t.remoteDevicesChanged(user)
}

// SawRemoteKeys takes what other servers have answered to a query for all devices of
// users, and keeps it where it differs from what is known; asked is the head when
// they were asked. What has changed since then by their own word stays, and what
// concerns nobody here is passed over.
func (s *Store) SawRemoteKeys(ctx context.Context, asked todevice.Position, lists map[todevice.UserID]todevice.RemoteDeviceList) error {
	differ := make(map[todevice.UserID]todevice.RemoteDeviceList)
	err := s.snapshot(ctx, func(r snapshot) error {
		for user, list := range lists {
			same, err := r.knows(user, list)
			if err != nil {
				return err
			}
			if !same {
				differ[user] = list
			}
		}
		return nil
	})
	if err == nil && len(differ) > 0 {
		err = s.write(ctx, func(t *tx) error {
			for user, list := range differ {
				if err := t.sawRemoteKeys(asked, user, list); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("keep what was answered of devices: %w", err)
	}
	return nil
}

// knows tells whether a list is the one that is kept. One without devices and keys
// need not be.
func (r snapshot) knows(user todevice.UserID, list todevice.RemoteDeviceList) (bool, error) {
	var kept bool
	err := r.queryRow(`SELECT EXISTS (SELECT 1 FROM remote_device_lists WHERE user_id = ?)`, []any{user.String()}, &kept)
	if err != nil {
		return false, err
	}
	devices, err := r.remoteDevices(user)
	if err != nil {
		return false, err
	}
	keys, err := r.crossSigningKeys(user)
	if err != nil {
		return false, err
	}
	empty := len(list.Devices) == 0 && list.Master == nil && list.SelfSigning == nil
	if !kept && !empty || len(devices) != len(list.Devices) {
		return false, nil
	}
	for _, d := range list.Devices {
		i := slices.IndexFunc(devices, func(old todevice.DeviceKeys) bool { return old.DeviceID == d.DeviceID })
		if i < 0 || !sameDevice(devices[i], d) {
			return false, nil
		}
	}
	return (list.Master == nil || sameObject(keys.Master, list.Master)) &&
		(list.SelfSigning == nil || sameObject(keys.SelfSigning, list.SelfSigning)), nil
}

func (t *tx) sawRemoteKeys(asked todevice.Position, user todevice.UserID, list todevice.RemoteDeviceList) error {
	if concerns, err := t.concernsAnyone(user); err != nil || !concerns {
		return err
	}
	var newer bool
	err := t.queryRow(`SELECT EXISTS (SELECT 1 FROM remote_device_changes WHERE user_id = ? AND position > ?)`,
		[]any{user.String(), asked}, &newer)
	if err != nil || newer {
		return err
	}
	// The answer has no stream ID; so the next update makes the list stale.
	_, err = t.exec(`INSERT OR IGNORE INTO remote_device_lists (user_id, server, stream_id, stale) VALUES (?, ?, 0, 0)`,
		user.String(), string(user.Server))
	if err != nil {
		return err
	}
	return t.replaceRemoteDevices(user, list)
}

// RemoteDeviceList gives what is known of the devices of a user of another server,
// and whether that is complete, as far as this server was told.
func (s *Store) RemoteDeviceList(ctx context.Context, user todevice.UserID) (list todevice.RemoteDeviceList, complete bool, err error) {
	err = s.snapshot(ctx, func(r snapshot) error {
		var stale bool
		err := r.queryRow(`SELECT stream_id, stale != 0 FROM remote_device_lists WHERE user_id = ?`, []any{user.String()}, &list.StreamID, &stale)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		complete = !stale
		if list.Devices, err = r.remoteDevices(user); err != nil {
			return err
		}
		keys, err := r.crossSigningKeys(user)
		list.Master, list.SelfSigning = keys.Master, keys.SelfSigning
		return err
	})
	if err != nil {
		return todevice.RemoteDeviceList{}, false, fmt.Errorf("read the device list of a user: %w", err)
	}
	return list, complete, nil
}

func (r snapshot) remoteDevices(user todevice.UserID) ([]todevice.DeviceKeys, error) {
	rows, err := r.query(`SELECT device_id, display_name, keys FROM remote_devices WHERE user_id = ? ORDER BY device_id`, user.String())
	return collect(rows, err, func(rows *sql.Rows) (d todevice.DeviceKeys, err error) {
		var keys []byte
		err = rows.Scan(&d.DeviceID, &d.DisplayName, &keys)
		d.Keys = json.RawMessage(keys)
		return d, err
	})
}
