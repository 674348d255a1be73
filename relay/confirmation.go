package relay

import (
	"context"
	"slices"

	"github.com/chappe-im/chappe/todevice"
)

// A confirmation is a wait for the first of some deliveries to be confirmed.
type confirmation struct {
	deliveries []todevice.Delivery
	done       chan struct{} // gets one value, or none
}

// AwaitConfirmation returns nil once the device of one of the deliveries has
// confirmed it, also where that was just before the call, or else the error of
// ctx.
func (n *Notifier) AwaitConfirmation(ctx context.Context, deliveries []todevice.Delivery) error {
	c := &confirmation{deliveries: deliveries, done: make(chan struct{}, 1)}
	if n.beginAwaiting(c) {
		return nil
	}
	defer n.endAwaiting(c)
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// beginAwaiting registers the wait, unless one of its deliveries is confirmed
// already.
func (n *Notifier) beginAwaiting(c *confirmation) (confirmed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, d := range c.deliveries {
		if n.coversLocked(n.seen[d.Inbox], d) {
			return true
		}
	}
	for _, d := range c.deliveries {
		if n.confirming[d.Inbox] == nil {
			n.confirming[d.Inbox] = make(map[*confirmation]struct{}, 1)
		}
		n.confirming[d.Inbox][c] = struct{}{}
	}
	return false
}

func (n *Notifier) endAwaiting(c *confirmation) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, d := range c.deliveries {
		delete(n.confirming[d.Inbox], c)
		if len(n.confirming[d.Inbox]) == 0 {
			delete(n.confirming, d.Inbox)
		}
	}
}

// coversLocked tells whether what the device has confirmed includes a delivery to it. What
// was not stored and given to an attachment before the one there is, is not included: it is
// lost, whatever number has been confirmed since.
func (n *Notifier) coversLocked(s sighting, d todevice.Delivery) bool {
	if d.Live != 0 {
		return d.Live <= s.live && d.Live > n.attached[d.Inbox].since
	}
	return d.Position <= s.confirmed
}

// Confirmed notes that a device has confirmed its inbox up to a position, and ends
// the waits for that.
func (n *Notifier) Confirmed(inbox todevice.InboxID, upTo todevice.Position) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sawLocked(inbox)
	last := n.seen[inbox]
	last.confirmed = max(last.confirmed, upTo)
	n.confirmedLocked(inbox, last)
}

// ConfirmedLive notes that an attached device has confirmed what it was given without
// its being stored, up to a number.
func (n *Notifier) ConfirmedLive(inbox todevice.InboxID, upTo uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sawLocked(inbox)
	last := n.seen[inbox]
	last.live = max(last.live, upTo)
	n.confirmedLocked(inbox, last)
}

func (n *Notifier) confirmedLocked(inbox todevice.InboxID, now sighting) {
	n.seen[inbox] = now
	for c := range n.confirming[inbox] {
		if slices.ContainsFunc(c.deliveries, func(d todevice.Delivery) bool { return d.Inbox == inbox && n.coversLocked(now, d) }) {
			select {
			case c.done <- struct{}{}:
			default: // another of its deliveries was confirmed before
			}
		}
	}
}
