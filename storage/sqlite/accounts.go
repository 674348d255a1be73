package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/chappe-im/chappe/todevice"
)

// nowMillis is the time as it is stored.
func (s *Store) nowMillis() int64 { return s.now().UnixMilli() }

func (t *tx) nowMillis() int64 { return t.writer.store.nowMillis() }

// CreateUser makes an account without a device, or fails with
// todevice.ErrUserExists or todevice.ErrRegistrationToken.
func (s *Store) CreateUser(ctx context.Context, a todevice.Account) error {
	err := s.write(ctx, func(t *tx) error { return t.createUser(a) })
	if err != nil {
		return fmt.Errorf("create user: %w", err)
	}
	return nil
}

// Register makes an account, its first device and that device's access token in
// one transaction, or fails with todevice.ErrUserExists or
// todevice.ErrRegistrationToken.
func (s *Store) Register(ctx context.Context, a todevice.Account, l todevice.Login) (device todevice.Device, err error) {
	err = s.write(ctx, func(t *tx) error {
		if err := t.createUser(a); err != nil {
			return err
		}
		device, err = t.login(a.Localpart, l)
		return err
	})
	if err != nil {
		return todevice.Device{}, fmt.Errorf("register: %w", err)
	}
	return device, nil
}

// Account gives the account of a name, or fails with todevice.ErrUnknownUser or
// todevice.ErrUserDeactivated.
func (s *Store) Account(ctx context.Context, localpart string) (todevice.Account, error) {
	a := todevice.Account{Localpart: localpart}
	err := s.queryRow(ctx, `SELECT password_hash, admin FROM users WHERE localpart = ?`, []any{localpart},
		&a.PasswordHash, &a.Admin)
	if errors.Is(err, sql.ErrNoRows) {
		err = errorOr(s.knownUser(ctx, localpart), todevice.ErrUnknownUser)
	}
	if err != nil {
		return todevice.Account{}, fmt.Errorf("read the account: %w", err)
	}
	return a, nil
}

// Login gives a user's device a new access token and takes the older ones from it.
// A device that exists keeps its name and all that waits for it; another is made. It
// fails with todevice.ErrUnknownUser, also for a password that was changed meanwhile, or
// with todevice.ErrNameInUse.
func (s *Store) Login(ctx context.Context, localpart string, l todevice.Login) (device todevice.Device, err error) {
	err = s.write(ctx, func(t *tx) error {
		var hash string
		err := t.queryRow(`SELECT password_hash FROM users WHERE localpart = ?`, []any{localpart}, &hash)
		if errors.Is(err, sql.ErrNoRows) || err == nil && l.PasswordHash != "" && l.PasswordHash != hash {
			err = todevice.ErrUnknownUser
		}
		if err != nil {
			return err
		}
		device, err = t.login(localpart, l)
		return err
	})
	if err != nil {
		return todevice.Device{}, fmt.Errorf("log in: %w", err)
	}
	return device, nil
}

// EnsureDevice gives a user's device, and makes the user (with no password) and
// the device where they do not exist. It fails with todevice.ErrUserDeactivated if
// there was a user of this name.
func (s *Store) EnsureDevice(ctx context.Context, localpart, deviceID string) (device todevice.Device, err error) {
	device = todevice.Device{User: todevice.UserID{Localpart: localpart, Server: s.serverName}, ID: deviceID}
	err = s.queryRow(ctx, `SELECT inbox FROM devices WHERE localpart = ? AND device_id = ?`,
		[]any{localpart, deviceID}, &device.Inbox)
	if err == nil || !errors.Is(err, sql.ErrNoRows) {
		return device, err
	}
	err = s.write(ctx, func(t *tx) error {
		err := t.knownUser(localpart)
		if errors.Is(err, todevice.ErrUnknownUser) {
			err = t.createUser(todevice.Account{Localpart: localpart})
		}
		if err == nil {
			device.Inbox, err = t.device(localpart, todevice.Login{DeviceID: deviceID})
		}
		return err
	})
	if err != nil {
		return todevice.Device{}, fmt.Errorf("make the device: %w", err)
	}
	return device, nil
}

func (t *tx) userExists(localpart string) (exists bool, err error) {
	err = t.queryRow(`SELECT EXISTS (SELECT 1 FROM users WHERE localpart = ?)`, []any{localpart}, &exists)
	return exists, err
}

func (t *tx) createUser(a todevice.Account) error {
	switch err := t.knownUser(a.Localpart); {
	case err == nil, errors.Is(err, todevice.ErrUserDeactivated):
		return todevice.ErrUserExists
	case !errors.Is(err, todevice.ErrUnknownUser):
		return err
	}
	if a.RegistrationToken != "" {
		if err := t.useRegistrationToken(a.RegistrationToken); err != nil {
			return err
		}
	}
	_, err := t.exec(`INSERT INTO users (localpart, password_hash, admin, created) VALUES (?, ?, ?, ?)`,
		a.Localpart, a.PasswordHash, a.Admin, t.nowMillis())
	return err
}

func (t *tx) login(localpart string, l todevice.Login) (todevice.Device, error) {
	device := todevice.Device{User: todevice.UserID{Localpart: localpart, Server: t.writer.store.serverName}, ID: l.DeviceID}
	var err error
	if device.Inbox, err = t.device(localpart, l); err != nil {
		return todevice.Device{}, err
	}
	if err := t.endTokens(device.Inbox, allTokens); err != nil {
		return todevice.Device{}, err
	}
	tokens := todevice.Tokens{Access: l.Token, Lifetime: l.Lifetime, Refresh: l.RefreshToken}
	return device, t.giveTokens(device.Inbox, 0, tokens)
}

// device gives the inbox of a user's device, and makes the device if need be. It
// fails with todevice.ErrNameInUse if one of the user's keys has that name, and with
// todevice.ErrTooManyDevices if the user has as many as there may be.
func (t *tx) device(localpart string, l todevice.Login) (inbox todevice.InboxID, err error) {
	err = t.queryRow(`SELECT inbox FROM devices WHERE localpart = ? AND device_id = ?`, []any{localpart, l.DeviceID}, &inbox)
	if err == nil {
		_, err = t.exec(`UPDATE devices SET last_seen_ip = ?, last_seen = ? WHERE inbox = ?`, l.RemoteAddr, t.nowMillis(), inbox)
		return inbox, err
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	user := todevice.UserID{Localpart: localpart, Server: t.writer.store.serverName}
	if key, err := t.crossSigningKey(user, l.DeviceID); err != nil || key != nil {
		return 0, errorOr(err, todevice.ErrNameInUse)
	}
	var devices int
	if err := t.queryRow(`SELECT count(*) FROM devices WHERE localpart = ?`, []any{localpart}, &devices); err != nil {
		return 0, err
	}
	if devices >= t.writer.store.maxDevices {
		return 0, todevice.ErrTooManyDevices
	}
	id, err := t.insert(`INSERT INTO devices (localpart, device_id, display_name, last_seen_ip, last_seen, created)
		VALUES (?, ?, ?, ?, ?, ?)`, localpart, l.DeviceID, l.DisplayName, l.RemoteAddr, t.nowMillis(), t.nowMillis())
	if err != nil {
		return 0, err
	}
	return todevice.InboxID(id), t.deviceChanged(localpart, l.DeviceID, false)
}
