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

// maxAccountData is how many types of account data a user may have.
const maxAccountData = 1000

// deviceDataPrefix begins the type of account data that belongs to one device, whose
// ID ends it.
//
// https://github.com/matrix-org/matrix-spec-proposals/pull/3890
const deviceDataPrefix = "org.matrix.msc3890.local_notification_settings."

// SetAccountData keeps the content of a type of a user's account data. The same
// content again changes nothing. It fails with todevice.ErrUnknownUser, with
// todevice.ErrUnknownDevice where the type is that of a device that does not exist,
// or with todevice.ErrTooMuchData.
func (s *Store) SetAccountData(ctx context.Context, localpart, dataType string, content json.RawMessage) error {
	err := s.write(ctx, func(t *tx) error {
		old, err := t.snapshot().accountDataOf(localpart, dataType)
		if err != nil && !errors.Is(err, todevice.ErrNoData) {
			return err
		}
		return t.replaceAccountData(localpart, dataType, old, content)
	})
	if err != nil {
		return fmt.Errorf("set account data: %w", err)
	}
	return nil
}

// SwapAccountData is SetAccountData for who has worked the new content out of an old
// one: it tells whether the old one, nil for none, was still there. If it was not,
// nothing is changed.
func (s *Store) SwapAccountData(ctx context.Context, localpart, dataType string, old, content json.RawMessage) (swapped bool, err error) {
	err = s.write(ctx, func(t *tx) error {
		swapped = false
		now, err := t.snapshot().accountDataOf(localpart, dataType)
		if err != nil && !errors.Is(err, todevice.ErrNoData) {
			return err
		}
		if !bytes.Equal(now, old) {
			return nil
		}
		swapped = true
		return t.replaceAccountData(localpart, dataType, now, content)
	})
	if err != nil {
		return false, fmt.Errorf("set account data: %w", err)
	}
	return swapped, nil
}

// replaceAccountData sets what is old now, or not there where old is nil.
func (t *tx) replaceAccountData(localpart, dataType string, old, content json.RawMessage) error {
	if old != nil && bytes.Equal(old, content) {
		return nil
	}
	if old == nil {
		if err := t.mayKeep(localpart, dataType); err != nil {
			return err
		}
	}
	at := t.position()
	_, err := t.exec(`INSERT INTO account_data (localpart, type, content, position) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET content = excluded.content, position = excluded.position`,
		localpart, dataType, []byte(content), at)
	if err != nil {
		return err
	}
	t.userChanged(localpart, at)
	return nil
}

// mayKeep refuses account data of a type the user does not have yet.
func (t *tx) mayKeep(localpart, dataType string) error {
	exists, err := t.userExists(localpart)
	if err != nil || !exists {
		return errorOr(err, todevice.ErrUnknownUser)
	}
	if deviceID, ok := strings.CutPrefix(dataType, deviceDataPrefix); ok {
		var exists bool
		err := t.queryRow(`SELECT EXISTS (SELECT 1 FROM devices WHERE localpart = ? AND device_id = ?)`,
			[]any{localpart, deviceID}, &exists)
		if err != nil || !exists {
			return errorOr(err, todevice.ErrUnknownDevice)
		}
	}
	var kept int
	if err := t.queryRow(`SELECT count(*) FROM account_data WHERE localpart = ?`, []any{localpart}, &kept); err != nil {
		return err
	}
	if kept >= maxAccountData {
		return todevice.ErrTooMuchData
	}
	return nil
}

// forgetDeviceData removes the account data that belongs to a device.
func (t *tx) forgetDeviceData(device todevice.Device) error {
	_, err := t.exec(`DELETE FROM account_data WHERE localpart = ? AND type = ?`,
		device.User.Localpart, deviceDataPrefix+device.ID)
	return err
}

// AccountData gives the content of a type of a user's account data, or
// todevice.ErrNoData.
func (s *Store) AccountData(ctx context.Context, localpart, dataType string) (content json.RawMessage, err error) {
	err = s.queryRow(ctx, accountDataOf, []any{localpart, dataType}, (*[]byte)(&content))
	if errors.Is(err, sql.ErrNoRows) {
		err = todevice.ErrNoData
	}
	if err != nil {
		return nil, fmt.Errorf("read account data: %w", err)
	}
	return content, nil
}

// accountDataOf is AccountData at one moment.
func (r snapshot) accountDataOf(localpart, dataType string) (content json.RawMessage, err error) {
	err = r.queryRow(accountDataOf, []any{localpart, dataType}, (*[]byte)(&content))
	if errors.Is(err, sql.ErrNoRows) {
		err = todevice.ErrNoData
	}
	return content, err
}

const accountDataOf = `SELECT content FROM account_data WHERE localpart = ? AND type = ?`

// accountData gives the account data of a user that was set after a position, in the
// order in which that was done.
func (r snapshot) accountData(localpart string, after todevice.Position) ([]todevice.AccountData, error) {
	rows, err := r.query(`SELECT type, content FROM account_data WHERE localpart = ? AND position > ? ORDER BY position`,
		localpart, after)
	data, err := collect(rows, err, func(rows *sql.Rows) (d todevice.AccountData, err error) {
		err = rows.Scan(&d.Type, (*[]byte)(&d.Content))
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("read account data: %w", err)
	}
	return data, nil
}
