package relay

import (
	"slices"
	"sync"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// onlineFor is how long after its last sync a device still counts as online: the
// RTM vendor's threshold.
const onlineFor = 30 * time.Second

// A Notifier tells those who wait for a device that something happened to it. It
// remembers nothing that must last: what happened is in the store.
type Notifier struct {
	mu sync.Mutex
	// waiting holds, for each waited-on inbox, the channels to signal.
	waiting map[todevice.InboxID]map[chan struct{}]struct{} // guarded by mu
	// users holds, for each user of this server, the IDs of the devices that are waited on
	// or attached, or were there of late.
	users map[string]map[todevice.InboxID]string // guarded by mu
	// seen holds what is known of the devices that were there of late.
	seen map[todevice.InboxID]sighting // guarded by mu
	// swept is when seen was last cleared of old entries.
	swept time.Time // guarded by mu
	// confirming holds the waits for a device's confirmation.
	confirming map[todevice.InboxID]map[*confirmation]struct{} // guarded by mu
	// attached holds the devices that are there until they say otherwise.
	attached map[todevice.InboxID]attachment // guarded by mu
	names    map[name]todevice.InboxID       // of the attached; guarded by mu
	// live is the number of the last message that was given without being stored.
	live uint64 // guarded by mu
	// rtmEvents holds, for each RTM app, the channels of those who wait for its events.
	rtmEvents map[string]map[chan struct{}]struct{} // guarded by mu
}

// A sighting is the last time a device was there.
type sighting struct {
	at time.Time
	// localpart is its user's, "" where that was not said.
	localpart string
	// confirmed is the position up to which it has confirmed its inbox, as far as is
	// remembered.
	confirmed todevice.Position
	// live is the number up to which it has confirmed what was not stored.
	live uint64
	// presence is what it has said of its user last, "" for nothing.
	presence todevice.PresenceState
}

// NewNotifier makes a notifier nobody waits at.
func NewNotifier() *Notifier {
	return &Notifier{
		waiting:    make(map[todevice.InboxID]map[chan struct{}]struct{}),
		users:      make(map[string]map[todevice.InboxID]string),
		seen:       make(map[todevice.InboxID]sighting),
		swept:      time.Now(),
		confirming: make(map[todevice.InboxID]map[*confirmation]struct{}),
		rtmEvents:  make(map[string]map[chan struct{}]struct{}),
		attached:   make(map[todevice.InboxID]attachment),
		names:      make(map[name]todevice.InboxID),
	}
}

// Wait registers the caller. The channel gets a value when the device is woken,
// from this moment on: so whoever calls Wait first and reads then what is new misses
// nothing. leave must be called at the end.
func (n *Notifier) Wait(device todevice.Device) (woken <-chan struct{}, leave func()) {
	signal := make(chan struct{}, 1)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.waiting[device.Inbox] == nil {
		n.waiting[device.Inbox] = make(map[chan struct{}]struct{}, 1)
	}
	n.waiting[device.Inbox][signal] = struct{}{}
	n.joinUserLocked(device)
	return signal, func() { n.leave(device, signal) }
}

func (n *Notifier) leave(device todevice.Device, signal chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if delete(n.waiting[device.Inbox], signal); len(n.waiting[device.Inbox]) == 0 {
		delete(n.waiting, device.Inbox)
	}
	n.sawDeviceLocked(device)
}

// leaveUserLocked forgets a device of its user's that is not there.
func (n *Notifier) leaveUserLocked(localpart string, inbox todevice.InboxID) {
	_, attached := n.attached[inbox]
	_, seen := n.seen[inbox]
	if attached || seen || len(n.waiting[inbox]) > 0 {
		return
	}
	if delete(n.users[localpart], inbox); len(n.users[localpart]) == 0 {
		delete(n.users, localpart)
	}
}

func (n *Notifier) joinUserLocked(device todevice.Device) {
	if n.users[device.User.Localpart] == nil {
		n.users[device.User.Localpart] = make(map[todevice.InboxID]string, 1)
	}
	n.users[device.User.Localpart][device.Inbox] = device.ID
}

// Wake signals everyone who waits for one of the inboxes.
func (n *Notifier) Wake(inboxes ...todevice.InboxID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, inbox := range inboxes {
		n.wakeLocked(inbox)
	}
}

// WakeUsers signals everyone who waits for a device of one of the local users.
func (n *Notifier) WakeUsers(localparts []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, localpart := range localparts {
		for inbox := range n.users[localpart] {
			n.wakeLocked(inbox)
		}
	}
}

func (n *Notifier) wakeLocked(inbox todevice.InboxID) {
	if a, ok := n.attached[inbox]; ok {
		a.device.Wake()
	}
	for signal := range n.waiting[inbox] {
		select {
		case signal <- struct{}{}:
		default: // it has a signal it has not looked at yet
		}
	}
}

// Saw notes that a device was there just now.
func (n *Notifier) Saw(device todevice.Device) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sawDeviceLocked(device)
}

func (n *Notifier) sawDeviceLocked(device todevice.Device) {
	n.sawLocked(device.Inbox)
	last := n.seen[device.Inbox]
	last.localpart = device.User.Localpart
	n.seen[device.Inbox] = last
	n.joinUserLocked(device)
}

// SaidPresence notes what a device that is there says of how present its user is. It
// tells whether that is something else than the device said before, as far as that is
// remembered.
func (n *Notifier) SaidPresence(inbox todevice.InboxID, state todevice.PresenceState) (new bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	last := n.seen[inbox]
	new = last.presence != state
	last.presence = state
	n.seen[inbox] = last
	return new
}

func (n *Notifier) sawLocked(inbox todevice.InboxID) {
	now := time.Now()
	last := n.seen[inbox]
	last.at = now
	n.seen[inbox] = last
	if now.Sub(n.swept) < onlineFor {
		return
	}
	n.swept = now
	for inbox, last := range n.seen {
		if !n.onlineLocked(inbox) {
			delete(n.seen, inbox)
			n.leaveUserLocked(last.localpart, inbox)
		}
	}
}

// Online tells whether a device waits now, is attached, or was there within the last 30 s.
func (n *Notifier) Online(inbox todevice.InboxID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.onlineLocked(inbox)
}

// OnlineDevices gives the IDs of the devices of a local user that are online.
func (n *Notifier) OnlineDevices(localpart string) (ids []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for inbox, id := range n.users[localpart] {
		if n.onlineLocked(inbox) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (n *Notifier) onlineLocked(inbox todevice.InboxID) bool {
	if _, attached := n.attached[inbox]; attached || len(n.waiting[inbox]) > 0 {
		return true
	}
	last, ok := n.seen[inbox]
	return ok && time.Since(last.at) < onlineFor
}
