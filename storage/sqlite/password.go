package sqlite

import (
	"context"
	"fmt"

	"github.com/chappe-im/chappe/todevice"
)

// SetPassword changes a password and gives the inboxes of the devices that ended with
// the old one. It fails with todevice.ErrUnknownUser, todevice.ErrUserDeactivated or
// todevice.ErrUnknownDevice.
func (s *Store) SetPassword(ctx context.Context, c todevice.PasswordChange) (gone []todevice.InboxID, err error) {
	err = s.write(ctx, func(t *tx) (err error) {
		gone, err = t.setPassword(c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("set the password: %w", err)
	}
	return gone, nil
}

func (t *tx) setPassword(c todevice.PasswordChange) (gone []todevice.InboxID, err error) {
	if err := t.knownUser(c.Localpart); err != nil {
		return nil, err
	}
	if c.Except != 0 {
		if _, err := t.knownDevice(c.Except); err != nil {
			return nil, err
		}
	}
	_, err = t.exec(`UPDATE users SET password_hash = ? WHERE localpart = ?`, c.PasswordHash, c.Localpart)
	if err != nil || !c.LogOut {
		return nil, err
	}
	if _, err := t.exec(`DELETE FROM login_tokens WHERE localpart = ?`, c.Localpart); err != nil {
		return nil, err
	}
	return t.deleteDevices(c.Localpart, func(d todevice.Device) bool { return d.Inbox != c.Except })
}
