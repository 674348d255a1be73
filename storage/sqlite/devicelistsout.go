package sqlite

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

// tellServers has every server that is interested in a local user hear of a change.
// Of the changes of one device only the latest waits.
func (t *tx) tellServers(localpart, deviceID string, at todevice.Position) error {
	rows, err := t.query(`SELECT server FROM remote_interest WHERE localpart = ?`, localpart)
	servers, err := collect(rows, err, func(rows *sql.Rows) (server spec.ServerName, err error) {
		err = rows.Scan(&server)
		return server, err
	})
	if err != nil || len(servers) == 0 {
		return err
	}
	_, err = t.exec(`INSERT INTO device_list_outbox (server, localpart, device_id, position)
		SELECT server, localpart, ?, ? FROM remote_interest WHERE localpart = ?
		ON CONFLICT DO UPDATE SET position = excluded.position`, deviceID, at, localpart)
	if err != nil {
		return fmt.Errorf("tell servers of a device: %w", err)
	}
	if waiting := t.writer.store.waiting; waiting != nil {
		t.afterCommit(func() { waiting(servers) })
	}
	return nil
}

// composeDeviceLists makes EDUs of the changes that wait for a server, as many as
// still go into a transaction, and puts them into the outbox. Each shows the device
// as it is now. It looks at no more changes than it may make EDUs of: more tells that
// none of them concerned the server any more, and others wait.
func (t *tx) composeDeviceLists(server spec.ServerName, edus int) (more bool, err error) {
	var ready int
	err = t.queryRow(`SELECT count(*) FROM (SELECT 1 FROM outbox WHERE server = ? AND class = 1 LIMIT ?)`,
		[]any{string(server), edus}, &ready)
	if err != nil || ready >= edus {
		return false, err
	}
	type change struct {
		localpart, deviceID string
		position            todevice.Position
	}
	rows, err := t.query(`SELECT localpart, device_id, position FROM device_list_outbox WHERE server = ? ORDER BY position LIMIT ?`,
		string(server), edus-ready)
	changes, err := collect(rows, err, func(rows *sql.Rows) (c change, err error) {
		err = rows.Scan(&c.localpart, &c.deviceID, &c.position)
		return c, err
	})
	if err != nil {
		return false, err
	}
	for _, c := range changes {
		edu, err := t.deviceListEDU(server, c.localpart, c.deviceID, c.position)
		if err != nil {
			return false, err
		}
		if edu != nil {
			ready++
			_, err = t.exec(`INSERT INTO outbox (server, class, position, edu, at) VALUES (?, 1, ?, ?, ?)`,
				string(server), t.position(), edu, t.nowMillis())
			if err != nil {
				return false, err
			}
		}
		_, err = t.exec(`DELETE FROM device_list_outbox WHERE server = ? AND localpart = ? AND device_id = ?`,
			string(server), c.localpart, c.deviceID)
		if err != nil {
			return false, err
		}
	}
	return ready == 0 && len(changes) == edus, nil
}

// An edu is one unit of a transaction.
type edu struct {
	Content any    `json:"content"`
	Type    string `json:"edu_type"`
}

type deviceListContent struct {
	UserID      string              `json:"user_id"`
	DeviceID    string              `json:"device_id"`
	DisplayName string              `json:"device_display_name,omitempty"`
	StreamID    todevice.Position   `json:"stream_id"`
	PrevID      []todevice.Position `json:"prev_id"`
	Deleted     bool                `json:"deleted,omitempty"`
	Keys        json.RawMessage     `json:"keys,omitempty"`
}

type signingKeyContent struct {
	UserID      string          `json:"user_id"`
	Master      json.RawMessage `json:"master_key,omitempty"`
	SelfSigning json.RawMessage `json:"self_signing_key,omitempty"`
}

// deviceListEDU writes what a server is told of a device, or of the user's own keys
// where the device ID is "". A user who is gone has neither. It is nil if the server is
// not interested any more. The stream ID is the position of the change, the previous one
// that of what this server was told before.
//
// https://spec.matrix.org/v1.15/server-server-api/#device-management
func (t *tx) deviceListEDU(server spec.ServerName, localpart, deviceID string, at todevice.Position) ([]byte, error) {
	user := todevice.UserID{Localpart: localpart, Server: t.writer.store.serverName}
	keys, err := t.snapshot().userKeys(localpart, todevice.UserID{})
	if err != nil && !errors.Is(err, todevice.ErrUnknownUser) {
		return nil, err
	}
	var told todevice.Position
	err = t.queryRow(`SELECT told FROM remote_interest WHERE server = ? AND localpart = ?`, []any{string(server), localpart}, &told)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if deviceID == "" {
		return json.Marshal(edu{signingKeyContent{user.String(), keys.Master, keys.SelfSigning}, "m.signing_key_update"})
	}
	content := deviceListContent{UserID: user.String(), DeviceID: deviceID, StreamID: at, PrevID: []todevice.Position{}}
	if content.Deleted, content.DisplayName, err = t.deviceState(localpart, deviceID); err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(keys.Devices, func(d todevice.DeviceKeys) bool { return d.DeviceID == deviceID }); i >= 0 {
		content.Keys = keys.Devices[i].Keys
	}
	if told > 0 {
		content.PrevID = append(content.PrevID, told)
	}
	_, err = t.exec(`UPDATE remote_interest SET told = ? WHERE server = ? AND localpart = ?`, at, string(server), localpart)
	if err != nil {
		return nil, err
	}
	return json.Marshal(edu{content, "m.device_list_update"})
}

func (t *tx) deviceState(localpart, deviceID string) (deleted bool, name string, err error) {
	err = t.queryRow(`SELECT display_name FROM devices WHERE localpart = ? AND device_id = ?`, []any{localpart, deviceID}, &name)
	if errors.Is(err, sql.ErrNoRows) {
		return true, "", nil
	}
	return false, name, err
}
