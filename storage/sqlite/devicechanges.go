package sqlite

import "github.com/chappe-im/chappe/todevice"

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
	return t.tellServers(localpart, deviceID, at)
}

// ownViewChanged notes that the keys of a user look different now to a local user's
// own devices, and to nobody else.
func (t *tx) ownViewChanged(localpart string, user todevice.UserID) error {
	_, err := t.exec(`INSERT OR REPLACE INTO own_view_changes (localpart, user_id, position) VALUES (?, ?, ?)`,
		localpart, user.String(), t.position())
	return err
}

// userChanged notes that the devices of a local user have something to hear in /sync
// besides messages, at a position given out in this transaction. Those that wait are
// woken once it is committed.
func (t *tx) userChanged(localpart string, at todevice.Position) {
	if changed := t.writer.store.changed; changed != nil {
		t.afterCommit(func() { changed(localpart) })
	}
}
