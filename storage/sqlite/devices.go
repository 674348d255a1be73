package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// UserDevices lists a user's devices, oldest first; none for an unknown user.
func (s *Store) UserDevices(ctx context.Context, localpart string) ([]todevice.Device, error) {
	rows, err := s.query(ctx, userDevices, localpart)
	devices, err := collect(rows, err, s.scanDevice(localpart))
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	return devices, nil
}

// devices is UserDevices within a transaction.
func (t *tx) devices(localpart string) ([]todevice.Device, error) {
	rows, err := t.query(userDevices, localpart)
	return collect(rows, err, t.writer.store.scanDevice(localpart))
}

const userDevices = `SELECT device_id, inbox FROM devices WHERE localpart = ? ORDER BY inbox`

func (s *Store) scanDevice(localpart string) func(*sql.Rows) (todevice.Device, error) {
	return func(rows *sql.Rows) (todevice.Device, error) {
		d := todevice.Device{User: todevice.UserID{Localpart: localpart, Server: s.serverName}}
		err := rows.Scan(&d.ID, &d.Inbox)
		return d, err
	}
}

// Devices lists a user's devices as the user is shown them, oldest first.
func (s *Store) Devices(ctx context.Context, localpart string) ([]todevice.DeviceInfo, error) {
	rows, err := s.query(ctx, `SELECT device_id, display_name, inbox, last_seen_ip, last_seen
		FROM devices WHERE localpart = ? ORDER BY inbox`, localpart)
	devices, err := collect(rows, err, func(rows *sql.Rows) (d todevice.DeviceInfo, err error) {
		var inbox todevice.InboxID
		var last sighting
		err = rows.Scan(&d.ID, &d.DisplayName, &inbox, &last.addr, &last.at)
		if seen, ok := s.sightings.of(inbox); ok && seen.at >= last.at { // else there was a login since
			last = seen
		}
		d.LastSeenIP, d.LastSeen = last.addr, time.UnixMilli(last.at)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	return devices, nil
}

// DeviceExists tells whether an inbox's device has not been deleted.
func (s *Store) DeviceExists(ctx context.Context, inbox todevice.InboxID) (exists bool, err error) {
	if s.sessions.has(inbox) {
		return true, nil
	}
	err = s.queryRow(ctx, `SELECT EXISTS (SELECT 1 FROM devices WHERE inbox = ?)`, []any{inbox}, &exists)
	if err != nil {
		return false, fmt.Errorf("look for the device: %w", err)
	}
	return exists, nil
}

// DeleteDevice deletes a device with its access tokens, its inbox, its keys, the
// signatures on them and by them, its pushers and settings, and the memory of its
// requests. A device that is gone already is no error.
func (s *Store) DeleteDevice(ctx context.Context, inbox todevice.InboxID) error {
	err := s.write(ctx, func(t *tx) error { return t.deleteDevice(inbox) })
	if err != nil {
		return fmt.Errorf("delete the device: %w", err)
	}
	return nil
}

// DeleteDevices deletes all devices of a user, as DeleteDevice does each, and
// gives their inboxes.
func (s *Store) DeleteDevices(ctx context.Context, localpart string) (gone []todevice.InboxID, err error) {
	return s.deleteDevices(ctx, localpart, func(todevice.Device) bool { return true })
}

// DeleteNamedDevices is DeleteDevices for some of them. It does not matter if there
// are none of these names.
func (s *Store) DeleteNamedDevices(ctx context.Context, localpart string, deviceIDs []string) (gone []todevice.InboxID, err error) {
	return s.deleteDevices(ctx, localpart, func(d todevice.Device) bool { return slices.Contains(deviceIDs, d.ID) })
}

func (s *Store) deleteDevices(ctx context.Context, localpart string, which func(todevice.Device) bool) (gone []todevice.InboxID, err error) {
	err = s.write(ctx, func(t *tx) (err error) {
		gone, err = t.deleteDevices(localpart, which)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("delete the user's devices: %w", err)
	}
	return gone, nil
}

func (t *tx) deleteDevices(localpart string, which func(todevice.Device) bool) (gone []todevice.InboxID, err error) {
	devices, err := t.devices(localpart)
	if err != nil {
		return nil, err
	}
	for _, device := range devices {
		if !which(device) {
			continue
		}
		if err := t.deleteDevice(device.Inbox); err != nil {
			return nil, err
		}
		gone = append(gone, device.Inbox)
	}
	return gone, nil
}

// RenameDevice gives a user's device another display name, or fails with
// todevice.ErrUnknownDevice.
func (s *Store) RenameDevice(ctx context.Context, localpart, deviceID, displayName string) error {
	err := s.write(ctx, func(t *tx) error {
		var old string
		err := t.queryRow(`SELECT display_name FROM devices WHERE localpart = ? AND device_id = ?`,
			[]any{localpart, deviceID}, &old)
		if errors.Is(err, sql.ErrNoRows) {
			return todevice.ErrUnknownDevice
		}
		if err != nil || old == displayName {
			return err
		}
		_, err = t.exec(`UPDATE devices SET display_name = ? WHERE localpart = ? AND device_id = ?`,
			displayName, localpart, deviceID)
		if err != nil {
			return err
		}
		return t.deviceChanged(localpart, deviceID, false)
	})
	if err != nil {
		return fmt.Errorf("rename the device: %w", err)
	}
	return nil
}

// deleteDevice relies on ON DELETE CASCADE for all that belongs to the inbox alone.
func (t *tx) deleteDevice(inbox todevice.InboxID) error {
	device, err := t.knownDevice(inbox)
	if errors.Is(err, todevice.ErrUnknownDevice) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := t.leaveBroadcasts(inbox, math.MaxInt64); err != nil {
		return err
	}
	t.writer.backlog.forget(inbox)
	t.writer.devices.forget(device)
	t.endSessions(inbox)
	t.afterCommit(func() {
		t.writer.store.arrivals.forget(inbox)
		t.writer.store.keyCounts.forget(inbox)
	})
	if _, err := t.exec(`DELETE FROM devices WHERE inbox = ?`, inbox); err != nil {
		return err
	}
	if err := t.forgetSignatures(device.User, device.ID); err != nil {
		return err
	}
	if err := t.forgetDeviceData(device); err != nil {
		return err
	}
	return t.deviceChanged(device.User.Localpart, device.ID, true)
}
