package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/chappe-im/chappe/todevice"
)

// maxPushers is how many pushers a user may have.
const maxPushers = 100

// SetPusher keeps a pusher of a device's user, in place of the one they have under the
// same names; unless shared, other users lose theirs. It goes with the device. It
// fails with todevice.ErrUnknownDevice or todevice.ErrTooMuchData.
func (s *Store) SetPusher(ctx context.Context, inbox todevice.InboxID, p todevice.Pusher, shared bool) error {
	err := s.write(ctx, func(t *tx) error {
		device, err := t.knownDevice(inbox)
		if err != nil {
			return err
		}
		if err := t.mayPush(device.User.Localpart, p); err != nil {
			return err
		}
		if !shared {
			_, err := t.exec(`DELETE FROM pushers WHERE pushkey = ? AND app_id = ? AND localpart <> ?`,
				p.PushKey, p.AppID, device.User.Localpart)
			if err != nil {
				return err
			}
		}
		_, err = t.exec(`INSERT OR REPLACE INTO pushers (localpart, app_id, pushkey, inbox, pusher) VALUES (?, ?, ?, ?, ?)`,
			device.User.Localpart, p.AppID, p.PushKey, inbox, []byte(p.JSON))
		return err
	})
	if err != nil {
		return fmt.Errorf("set a pusher: %w", err)
	}
	return nil
}

// mayPush refuses a pusher that would be one too many.
func (t *tx) mayPush(localpart string, p todevice.Pusher) error {
	var others int
	err := t.queryRow(`SELECT count(*) FROM pushers WHERE localpart = ? AND (app_id, pushkey) <> (?, ?)`,
		[]any{localpart, p.AppID, p.PushKey}, &others)
	if err == nil && others >= maxPushers {
		err = todevice.ErrTooMuchData
	}
	return err
}

// DeletePusher removes a pusher of a user. There being none is no error.
func (s *Store) DeletePusher(ctx context.Context, localpart, appID, pushKey string) error {
	err := s.write(ctx, func(t *tx) error {
		_, err := t.exec(`DELETE FROM pushers WHERE localpart = ? AND app_id = ? AND pushkey = ?`, localpart, appID, pushKey)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete a pusher: %w", err)
	}
	return nil
}

// Pushers lists the pushers of a user.
func (s *Store) Pushers(ctx context.Context, localpart string) ([]json.RawMessage, error) {
	rows, err := s.query(ctx, `SELECT pusher FROM pushers WHERE localpart = ? ORDER BY app_id, pushkey`, localpart)
	pushers, err := collect(rows, err, func(rows *sql.Rows) (p json.RawMessage, err error) {
		err = rows.Scan((*[]byte)(&p))
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("list pushers: %w", err)
	}
	return pushers, nil
}
