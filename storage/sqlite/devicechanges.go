package sqlite

import (
	"database/sql"

	"github.com/chappe-im/chappe/todevice"
)

// deviceChanged notes that those interested in a local user must hear of a device:
// it is new or gone, or its name, its keys or their signatures have changed. The
// device "" stands for the user's own keys.
func (t *tx) deviceChanged(localpart, deviceID string, deleted bool) error {
	at := t.position()
	_, err := t.exec(`INSERT OR REPLACE INTO device_changes (localpart, device_id, position, deleted) VALUES (?, ?, ?, ?)`,
		localpart, deviceID, at, deleted)
	if err != nil {
		return err
	}
	user := todevice.UserID{Localpart: localpart, Server: t.writer.store.serverName}
	if err := t.tellInterested(user, at); err != nil {
		return err
	}
	t.userChanged(localpart, at)
	return t.tellServers(localpart, deviceID, at)
}

// ownViewChanged notes that the keys of a user look different now to a local user's
// own devices, and to nobody else.
func (t *tx) ownViewChanged(localpart string, user todevice.UserID) error {
	at := t.position()
	t.userChanged(localpart, at)
	_, err := t.exec(`INSERT OR REPLACE INTO own_view_changes (localpart, user_id, position) VALUES (?, ?, ?)`,
		localpart, user.String(), at)
	return err
}

// tellInterested has the devices of those local users hear of a change who are
// interested in the user whose devices have changed.
func (t *tx) tellInterested(user todevice.UserID, at todevice.Position) error {
	rows, err := t.query(`SELECT localpart FROM interest WHERE user_id = ?`, user.String())
	interested, err := collect(rows, err, func(rows *sql.Rows) (localpart string, err error) {
		err = rows.Scan(&localpart)
		return localpart, err
	})
	for _, localpart := range interested {
		t.userChanged(localpart, at)
	}
	return err
}

// raiseBound raises a user's bound of changes: now, for whoever reads right after the
// commit, and once more after it, as it may be forgotten meanwhile and read anew.
func (t *tx) raiseBound(localpart string, to todevice.Position) {
	bounds := t.writer.store.bounds
	bounds.raise(localpart, to)
	t.afterCommit(func() { bounds.raise(localpart, to) })
}

// userChanged notes that the devices of a local user have something to hear in /sync
// besides messages, at a position given out in this transaction. Those that wait are
// woken once it is committed.
func (t *tx) userChanged(localpart string, at todevice.Position) {
	t.raiseBound(localpart, at)
	t.changed = append(t.changed, localpart)
}
