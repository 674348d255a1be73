package guests

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/chappe-im/chappe/internal/canonicaljson"
	"github.com/chappe-im/chappe/rtmcompat/channels"
	"github.com/chappe-im/chappe/todevice"
)

// telling writes to guests what has happened.
func (a App) telling(h channels.Happening) (todevice.Send, error) {
	user, err := a.User(h.UID) // of a session: what guests do is told in their turn
	if err != nil {
		return todevice.Send{}, fmt.Errorf("the sender is no user: %w", err)
	}
	who := person{uid: h.UID, user: user}
	switch {
	case h.Said != nil:
		return a.message(h.To, h.Channel, who, h.Said.Body, h.Said.At)
	case h.Left:
		return a.notice(Left, h.To, h.Channel, who, h.Count)
	default:
		return a.notice(Joined, h.To, h.Channel, who, h.Count)
	}
}

// A person is somebody in a channel.
type person struct {
	uid  string // as the app's users know it
	user todevice.UserID
}

// message writes what somebody said, for all guests but that one.
func (a App) message(to []string, channel string, from person, payload string, at time.Time) (todevice.Send, error) {
	return a.send(Message, without(to, from.uid), from, map[string]any{
		"channel": channel, "payload": payload, "message_id": rand.Text(), "server_ts": at.UnixMilli(),
	})
}

// notice writes that somebody has come or gone.
func (a App) notice(eventType string, to []string, channel string, who person, members int) (todevice.Send, error) {
	return a.send(eventType, to, who, map[string]any{
		"channel": channel, "members": members, "server_ts": time.Now().UnixMilli(),
	})
}

// welcome writes that somebody has come; if that one was a guest before, only to that one.
func (a App) welcome(turn *channels.Turn, channel string, who person, wasHere bool) (todevice.Send, error) {
	to, members := []string{who.uid}, turn.Count()
	if !wasHere {
		members++
	}
	if !wasHere && members <= crowd {
		to = append(to, turn.Guests()...)
	}
	return a.notice(Joined, to, channel, who, members)
}

// farewell writes that a guest has gone.
func (a App) farewell(turn *channels.Turn, channel string, who person) (todevice.Send, error) {
	var to []string
	members := turn.Count() - 1
	if members <= crowd {
		to = without(turn.Guests(), who.uid)
	}
	return a.notice(Left, to, channel, who, members)
}

func without(uids []string, uid string) []string {
	return slices.DeleteFunc(slices.Clone(uids), func(other string) bool { return other == uid })
}

// send writes one content to guests.
func (a App) send(eventType string, to []string, from person, fields map[string]any) (todevice.Send, error) {
	fields["app_id"], fields["from"], fields["sender"] = a.ID, from.uid, from.user.String()
	content, err := json.Marshal(fields)
	if err == nil {
		content, err = canonicaljson.Encode(content)
	}
	if err != nil {
		return todevice.Send{}, fmt.Errorf("write an event of a channel: %w", err)
	}
	if len(content) > todevice.MaxContent {
		return todevice.Send{}, todevice.ErrContentTooLarge
	}
	send := todevice.Send{Sender: a.Service, Type: eventType, SkipFull: true}
	for _, uid := range to {
		user, err := todevice.ParseUserID(uid)
		if err != nil {
			return send, fmt.Errorf("a guest is no user: %w", err)
		}
		send.Messages = append(send.Messages, todevice.Message{To: user, Device: todevice.AllDevices, Content: content})
	}
	return send, nil
}

// messageNumber makes a number as clients of RTM give their messages, of 13 digits. It is
// the same for the same place in an inbox.
func messageNumber(at todevice.Delivery) int64 {
	return 1e12 + (int64(at.Position)*7919+int64(at.Inbox))%9e12
}
