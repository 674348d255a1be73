package sqlite

import "github.com/chappe-im/chappe/todevice"

// A deviceName is the name of a local device.
type deviceName struct{ localpart, id string }

// knownDevices remembers between commits which devices there are, so that a message
// costs no look for its sender and its receiver. It belongs to the writer goroutine; what
// it does not know is read.
type knownDevices struct {
	inboxes map[deviceName]todevice.InboxID
	senders map[todevice.InboxID]struct{}
}

func (k *knownDevices) forgetAll() { *k = knownDevices{} }

// forget comes when the device is deleted.
func (k *knownDevices) forget(device todevice.Device) {
	delete(k.inboxes, deviceName{device.User.Localpart, device.ID})
	delete(k.senders, device.Inbox)
}

// exists tells whether there is a device with this inbox, as far as is remembered.
func (k *knownDevices) exists(inbox todevice.InboxID) bool {
	_, ok := k.senders[inbox]
	return ok
}

func (k *knownDevices) add(inbox todevice.InboxID) {
	if k.senders == nil || len(k.senders) >= maxRemembered {
		k.senders = make(map[todevice.InboxID]struct{})
	}
	k.senders[inbox] = struct{}{}
}

// inbox finds the inbox of a local device, or fails with sql.ErrNoRows.
func (t *tx) inbox(localpart, id string) (inbox todevice.InboxID, err error) {
	known, name := &t.writer.devices, deviceName{localpart, id}
	if inbox, ok := known.inboxes[name]; ok {
		return inbox, nil
	}
	err = t.queryRow(`SELECT inbox FROM devices WHERE localpart = ? AND device_id = ?`, []any{localpart, id}, &inbox)
	if err != nil {
		return 0, err
	}
	if known.inboxes == nil || len(known.inboxes) >= maxRemembered {
		known.inboxes = make(map[deviceName]todevice.InboxID)
	}
	known.inboxes[name] = inbox
	return inbox, nil
}
