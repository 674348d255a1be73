package relay

import (
	"context"
	"slices"

	"github.com/chappe-im/chappe/todevice"
)

// splitLive takes out of the sends what is for attached devices only as long as they are
// there. Messages of that class to other devices stay, and are stored.
func (r *Relay) splitLive(b todevice.Batch) (_ todevice.Batch, live []todevice.Send) {
	isLive := func(m todevice.Message) bool {
		return m.Class == todevice.OnlineOnly && m.To.Server == r.local && r.devices.Attached(m.To.Localpart, m.Device)
	}
	for i, send := range b.Sends {
		if !slices.ContainsFunc(send.Messages, isLive) {
			continue
		}
		if live == nil {
			b.Sends = slices.Clone(b.Sends)
		}
		given, stored := send, send
		given.Messages, stored.Messages = nil, nil
		for _, message := range send.Messages {
			if isLive(message) {
				given.Messages = append(given.Messages, message)
			} else {
				stored.Messages = append(stored.Messages, message)
			}
		}
		live, b.Sends[i] = append(live, given), stored
	}
	return b, live
}

// accept commits the batch, if there is anything in it that lasts.
func (r *Relay) accept(ctx context.Context, b todevice.Batch) (todevice.Accepted, error) {
	if b.Empty() {
		return todevice.Accepted{}, nil
	}
	return r.store.Accept(ctx, b)
}

// giveLive gives messages to devices that are attached. One that is not any more does
// not get them.
func (r *Relay) giveLive(sends []todevice.Send) (given []todevice.Delivery) {
	for _, send := range sends {
		for _, message := range send.Messages {
			event := todevice.EventJSON(send.Sender, send.Type, message.Content)
			if delivery, ok := r.devices.give(message.To, message.Device, event); ok {
				given = append(given, delivery)
			}
		}
	}
	return given
}
