package relay

import "github.com/chappe-im/chappe/todevice"

// An Attached device has a connection of its own on which it is given what comes for it.
// Its methods are called with the notifier's lock held: they return at once, and do not
// call the notifier.
type Attached = interface {
	// Wake says that something was placed in the device's inbox.
	Wake()
	// Take gives the device a message that is not stored, and its number for
	// [Notifier.ConfirmedLive]. It tells whether the device has taken it.
	Take(number uint64, event []byte) bool
}

type attachment struct {
	device Attached
	name   name
	// since is the number of the last message that may have been given to the one before.
	since uint64
}

// A name is what messages call a local device.
type name struct{ localpart, deviceID string }

// Attach has a device be told of what comes for it until detach is called. Of two
// attachments of a device the later one counts. For as long as it is attached it is
// online.
func (n *Notifier) Attach(device todevice.Device, a Attached) (detach func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	name := name{device.User.Localpart, device.ID}
	n.attached[device.Inbox] = attachment{a, name, n.live}
	n.names[name] = device.Inbox
	n.joinUserLocked(device)
	return func() { n.detach(device, a) }
}

func (n *Notifier) detach(device todevice.Device, a Attached) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now, ok := n.attached[device.Inbox]
	if !ok || now.device != a {
		return
	}
	delete(n.attached, device.Inbox)
	if n.names[now.name] == device.Inbox {
		delete(n.names, now.name)
	}
	// It says itself when it has gone: unlike after a sync, nobody takes it for online
	// any longer.
	delete(n.seen, device.Inbox)
	n.leaveUserLocked(device.User.Localpart, device.Inbox)
}

// Attached tells whether a local device is attached.
func (n *Notifier) Attached(localpart, deviceID string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, ok := n.names[name{localpart, deviceID}]
	return ok
}

// give gives a message to an attached device without its being stored, and false where
// it is not attached or does not take it.
func (n *Notifier) give(to todevice.UserID, deviceID string, event []byte) (todevice.Delivery, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	inbox, ok := n.names[name{to.Localpart, deviceID}]
	if !ok {
		return todevice.Delivery{}, false
	}
	n.live++
	if !n.attached[inbox].device.Take(n.live, event) {
		return todevice.Delivery{}, false
	}
	return todevice.Delivery{Inbox: inbox, Live: n.live}, true
}
